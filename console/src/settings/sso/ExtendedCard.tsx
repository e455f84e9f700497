import { Anchor, Badge, Card, Code, Group, Stack, Switch, Text } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { samlKeyState } from '../../domain/samlKeys'
import { useRefusal } from '../../session/queries'
import { useNow } from '../../ui/clock'
import { succeeded } from '../../ui/feedback'
import { GuardedButton } from '../../ui/GuardedButton'
import { Time } from '../../ui/Time'
import { ProofModal } from './ProofModal'
import { ssoQuery, type Sso } from './queries'

type Asked = 'switch' | 'certificate' | null

/** Extended security of SAML: whether it is on, and the certificates that the provider needs for it. */
export function ExtendedCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const client = useQueryClient()
  const now = useNow()
  const [asked, setAsked] = useState<Asked>(null)
  const certificates = sso.own_certificates
  const change = async (proof: string) => {
    const params = { header: { 'X-Reauth': proof } }
    const view = asked === 'certificate'
      ? await bodyOf(api.POST('/v1/sso/saml/certificate', { params, body: {} }))
      : await bodyOf(api.PUT('/v1/sso', { params, body: { extended_security: !sso.extended_security } }))
    client.setQueryData(ssoQuery.queryKey, view)
    succeeded(asked === 'certificate' ? 'Certificate made' : 'Extended security changed')
  }
  return (
    <Card p="lg">
      <Stack gap="md">
        <Text fw={600}>Extended security</Text>
        <Switch
          label="Requests are signed, assertions must be signed and encrypted"
          description="The provider needs our certificate for it, which is in our metadata."
          checked={sso.extended_security} disabled={refusal('update_sso') !== undefined} onChange={() => setAsked('switch')}
        />
        <Text size="sm"><Anchor href={sso.entity_id} target="_blank" rel="noopener">Our metadata</Anchor></Text>
        {certificates.map((certificate) => (
          <Group key={certificate.fingerprint} justify="space-between" wrap="nowrap" align="flex-start">
            <div>
              <Code style={{ overflowWrap: 'anywhere' }}>{certificate.fingerprint}</Code>
              <Text size="sm" c="dimmed">
                Ends <Time at={certificate.ends_at} />; signs from <Time at={certificate.signs_from} />
                {typeof certificate.decrypts_until === 'number' ? <>; decrypts until <Time at={certificate.decrypts_until} /></> : null}
              </Text>
            </div>
            <Badge variant="dot" style={{ flexShrink: 0 }}>{samlKeyState(certificates, certificate, now)}</Badge>
          </Group>
        ))}
        <Group justify="flex-end">
          <GuardedButton variant="default" size="xs" refusal={refusal('update_sso')} onClick={() => setAsked('certificate')}>Make a certificate</GuardedButton>
        </Group>
        <ProofModal
          title={asked === 'certificate' ? 'Make a certificate' : 'Change extended security'} submit={asked === 'certificate' ? 'Make it' : 'Change'}
          opened={asked !== null} onClose={() => setAsked(null)} action={change}
        >
          <Text size="sm">
            {asked === 'certificate'
              ? 'It decrypts at once. After 7 days it also signs, and the one before decrypts for 30 days more. Give the provider our metadata again before that.'
              : sso.extended_security
                ? 'Assertions that are not encrypted will be taken again.'
                : 'Sign-ins fail unless the provider encrypts. While single sign-on is active, a test sign-in must have shown that within the last day.'}
          </Text>
        </ProofModal>
      </Stack>
    </Card>
  )
}
