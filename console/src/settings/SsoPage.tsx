import { Card, SegmentedControl, Skeleton, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Permitted } from '../session/Permitted'
import { useRefusal } from '../session/queries'
import { ErrorState } from '../ui/States'
import { Section } from './Section'
import { ExtendedCard } from './sso/ExtendedCard'
import { GroupsCard } from './sso/GroupsCard'
import { MappingCard } from './sso/MappingCard'
import { OptionsCard } from './sso/OptionsCard'
import { LdapForm, OidcForm, SamlForm } from './sso/ProviderForms'
import { ssoQuery, type Sso } from './sso/queries'
import { ScimCard } from './sso/ScimCard'
import { StateCard } from './sso/StateCard'

export function SsoPage() {
  return (
    <Section title="Single sign-on" description="People sign in with the account of your company instead of a password.">
      <Permitted permission="view_sso"><Loaded /></Permitted>
    </Section>
  )
}

function Loaded() {
  const { data, error, refetch } = useQuery(ssoQuery)
  const refusal = useRefusal()
  return error ? <ErrorState error={error} onRetry={() => void refetch()} /> : data ? (
    <Stack gap="lg" maw={720}>
      <ProviderCard key={data.type} sso={data} />
      {data.type ? <MappingCard key={JSON.stringify(data.role_mapping)} sso={data} /> : null}
      {data.type ? <OptionsCard key={`${data.provisioning} ${data.strict} ${data.tenant_permissions} ${data.fallback_user_id}`} sso={data} /> : null}
      {data.type === 'saml' ? <ExtendedCard sso={data} /> : null}
      {data.type && refusal('update_tenant') === undefined ? <GroupsCard /> : null}
      {data.type ? <StateCard sso={data} /> : null}
      {data.type ? <ScimCard sso={data} /> : null}
    </Stack>
  ) : <Skeleton height={320} />
}

const kinds = { oidc: { label: 'OpenID Connect', Form: OidcForm }, saml: { label: 'SAML', Form: SamlForm }, ldap: { label: 'LDAP', Form: LdapForm } }
type Kind = keyof typeof kinds

const isKind = (text: string): text is Kind => text in kinds

function ProviderCard({ sso }: { sso: Sso }) {
  const [kind, setKind] = useState<Kind>(sso.type && isKind(sso.type) ? sso.type : 'oidc')
  const { Form } = kinds[kind]
  return (
    <Card p="lg">
      <Stack gap="md">
        <SegmentedControl
          aria-label="Kind of provider" value={kind} onChange={(value) => isKind(value) && setKind(value)}
          data={Object.entries(kinds).map(([value, { label }]) => ({ value, label }))}
        />
        <Form sso={sso} />
      </Stack>
    </Card>
  )
}
