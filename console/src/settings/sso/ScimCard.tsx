import { Card, Code, Group, Stack, Text } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { useRefusal } from '../../session/queries'
import { GuardedButton } from '../../ui/GuardedButton'
import { SecretOnce } from '../../ui/SecretOnce'
import { Time } from '../../ui/Time'
import { ProofModal } from './ProofModal'
import { ssoQuery, type Sso } from './queries'

type Asked = 'renew' | 'end' | null

/** The token with which the provider pushes users and groups. */
export function ScimCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const client = useQueryClient()
  const [asked, setAsked] = useState<Asked>(null)
  const [token, setToken] = useState<string | null>(null)
  const change = async (proof: string) => {
    const params = { header: { 'X-Reauth': proof } }
    if (asked === 'renew') setToken((await bodyOf(api.POST('/v1/sso/scim/token', { params }))).token)
    else {
      await bodyOf(api.DELETE('/v1/sso/scim/token', { params }))
      setToken(null)
    }
    await client.invalidateQueries(ssoQuery)
  }
  const known = typeof sso.scim_token_created_at === 'number'
  return (
    <Card p="lg">
      <Stack gap="md">
        <div>
          <Text fw={600}>Provisioning by SCIM</Text>
          <Text size="sm" c="dimmed">The provider says at once who comes, changes groups and leaves. It needs the address, and a token.</Text>
        </div>
        <div>
          <Text size="sm">Address</Text>
          <Code>{sso.scim_url}</Code>
        </div>
        {token === null ? null : <SecretOnce label="SCIM token" value={token} note="The provider sends it with each message. The one before has ended." />}
        <Group justify="space-between">
          <Text size="sm" c="dimmed">Token made <Time at={sso.scim_token_created_at ?? null} missing="never" /></Text>
          <Group gap="xs">
            {known ? <GuardedButton variant="default" size="xs" refusal={refusal('update_sso')} onClick={() => setAsked('end')}>End token</GuardedButton> : null}
            <GuardedButton size="xs" refusal={refusal('update_sso')} onClick={() => setAsked('renew')}>{known ? 'Renew token' : 'Make a token'}</GuardedButton>
          </Group>
        </Group>
        <ProofModal
          title={asked === 'end' ? 'End the SCIM token' : 'Make a SCIM token'} submit={asked === 'end' ? 'End it' : 'Make it'}
          opened={asked !== null} onClose={() => setAsked(null)} action={change}
        />
      </Stack>
    </Card>
  )
}
