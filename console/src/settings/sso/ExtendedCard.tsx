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

type Asked = 'switch' | 'certificate' | 'replacement' | null

const words = {
  switch: { title: 'Change extended security', submit: 'Change', done: 'Extended security changed' },
  certificate: { title: 'Make a certificate', submit: 'Make it', done: 'Certificate made' },
  replacement: { title: 'Replace the certificates at once', submit: 'Replace them', done: 'Certificates replaced' },
} as const

/** Extended security of SAML: whether it is on, and the certificates that the provider needs for it. */
export function ExtendedCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const client = useQueryClient()
  const now = useNow()
  const [asked, setAsked] = useState<Asked>(null)
  const certificates = sso.own_certificates
  const change = async (proof: string) => {
    const params = { header: { 'X-Reauth': proof } }
    const view = asked === 'switch'
      ? await bodyOf(api.PUT('/v1/sso', { params, body: { extended_security: !sso.extended_security } }))
      : await bodyOf(api.POST('/v1/sso/saml/certificate', { params, body: asked === 'replacement' ? { replace: true } : {} }))
    client.setQueryData(ssoQuery.queryKey, view)
    succeeded(words[asked ?? 'switch'].done)
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
        <Group justify="flex-end" gap="xs">
          {certificates.length === 0 ? null : (
            <GuardedButton variant="subtle" size="xs" refusal={refusal('update_sso')} onClick={() => setAsked('replacement')}>Replace at once</GuardedButton>
          )}
          <GuardedButton variant="default" size="xs" refusal={refusal('update_sso')} onClick={() => setAsked('certificate')}>Make a certificate</GuardedButton>
        </Group>
        <ProofModal
          title={words[asked ?? 'switch'].title} submit={words[asked ?? 'switch'].submit}
          opened={asked !== null} onClose={() => setAsked(null)} action={change}
        >
          <Text size="sm">
            {asked === 'certificate'
              ? 'It decrypts at once. After 7 days it also signs, and the one before decrypts for 30 days more. Give the provider our metadata again before that.'
              : asked === 'replacement' ? 'For a key that was stolen: all others end now, and sign-ins fail until the provider has our new metadata.'
              : sso.extended_security
                ? 'Assertions that are not encrypted will be taken again.'
                : 'Sign-ins fail unless the provider encrypts. While single sign-on is active, a test sign-in must have shown that within the last day.'}
          </Text>
        </ProofModal>
      </Stack>
    </Card>
  )
}
