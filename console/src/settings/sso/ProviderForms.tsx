import { Alert, Group, PasswordInput, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { api, bodyOf } from '../../api/client'
import { messageOf } from '../../api/errors'
import { currentUserQuery, useRefusal } from '../../session/queries'
import { CopyField } from '../../ui/CopyField'
import { GuardedButton } from '../../ui/GuardedButton'
import { domainsOf, given, listed, listOf, textOf, useSsoChange, type Sso } from './queries'

interface ProviderFormProps {
  sso: Sso
  /** What is saved and how it went. */
  save: { isPending: boolean; error: unknown; submit: () => void }
  children: ReactNode
}

/** The frame of the forms: what went wrong, and the button. */
function ProviderForm({ sso, save, children }: ProviderFormProps) {
  const refusal = useRefusal()
  const active = sso.state === 'active' ? 'Deactivate single sign-on first' : undefined
  return (
    <Stack gap="md">
      {children}
      {save.error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(save.error)}</Alert> : null}
      <Group justify="flex-end">
        <GuardedButton loading={save.isPending} refusal={active ?? refusal('update_sso')} onClick={save.submit}>Save provider</GuardedButton>
      </Group>
    </Stack>
  )
}

/** An address that the provider needs. */
function Address({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Text size="sm">{label}</Text>
      <CopyField label={label} value={value} />
    </div>
  )
}

function SecretInput({ label, stored, value, onChange }: { label: string; stored: boolean; value: string; onChange: (value: string) => void }) {
  return (
    <PasswordInput
      label={label} autoComplete="off" value={value} description={stored ? 'Empty keeps the one that is stored' : undefined}
      visibilityToggleButtonProps={{ 'aria-label': `Show ${label.toLowerCase()}` }} onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

/** The e-mail domains of a provider of a kind: those that are stored, at first the reader's own. */
function useDomains(sso: Sso, kind: string): readonly [string, (typed: string) => void] {
  const { data: user } = useQuery(currentUserQuery)
  const [typed, setTyped] = useState<string | null>(null)
  return [typed ?? domainsOf(sso, sso.type === kind ? undefined : user?.email), setTyped]
}

function DomainsInput({ value, onChange, required = false }: { value: string; onChange: (value: string) => void; required?: boolean }) {
  return (
    <TextInput
      label="E-mail domains" description="Whose people the sign-in page leads to it; several with commas" required={required} withAsterisk={false}
      value={value} onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

const vendors = [
  { value: 'custom', label: 'Another' },
  { value: 'google', label: 'Google' },
  { value: 'okta', label: 'Okta' },
]

function VendorSelect({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return <Select label="Provider" allowDeselect={false} data={vendors} value={value} onChange={(vendor) => onChange(vendor ?? value)} />
}

const callbacks = [
  { value: 'client', label: 'Of this company alone' },
  { value: 'shared', label: 'Shared by all companies, for providers that name themselves (RFC 9207)' },
]

export function OidcForm({ sso }: { sso: Sso }) {
  const stored = sso.type === 'oidc'
  const [issuer, setIssuer] = useState(stored ? textOf(sso, 'issuer') : '')
  const [clientId, setClientId] = useState(textOf(sso, 'client_id'))
  const [secret, setSecret] = useState('')
  const [scopes, setScopes] = useState(listOf(sso, 'scopes') || 'openid, email, profile')
  const [claim, setClaim] = useState(textOf(sso, 'groups_claim') || 'groups')
  const [callback, setCallback] = useState(textOf(sso, 'callback') || 'client')
  const [vendor, setVendor] = useState(stored ? sso.vendor : 'custom')
  const [domains, setDomains] = useDomains(sso, 'oidc')
  const save = useSsoChange(
    () => bodyOf(api.PUT('/v1/sso/oidc', {
      body: {
        issuer: issuer.trim(), client_id: clientId.trim(), client_secret: secret === '' ? null : secret, domains: listed(domains),
        scopes: listed(scopes), groups_claim: claim.trim(), callback, vendor,
      },
    })),
    'Provider saved',
  )
  return (
    <ProviderForm sso={sso} save={{ ...save, submit: () => save.mutate(undefined) }}>
      <Address label="Callback URL, to register at the provider" value={sso.callback_url} />
      <VendorSelect value={vendor} onChange={setVendor} />
      <TextInput label="Issuer" placeholder="https://login.example.com" required withAsterisk={false} value={issuer} onChange={(event) => setIssuer(event.currentTarget.value)} />
      <TextInput label="Client id" required withAsterisk={false} value={clientId} onChange={(event) => setClientId(event.currentTarget.value)} />
      <SecretInput label="Client secret" stored={stored} value={secret} onChange={setSecret} />
      <DomainsInput value={domains} onChange={setDomains} />
      <TextInput label="Claim with the groups" description="Of the ID token" required withAsterisk={false} maxLength={64} value={claim} onChange={(event) => setClaim(event.currentTarget.value)} />
      <TextInput label="Scopes" description="What is asked for; several with commas" required withAsterisk={false} value={scopes} onChange={(event) => setScopes(event.currentTarget.value)} />
      <Select label="Callback URL" description="The address above changes with it once saved" allowDeselect={false} data={callbacks} value={callback} onChange={(value) => setCallback(value ?? callback)} />
    </ProviderForm>
  )
}

export function SamlForm({ sso }: { sso: Sso }) {
  const stored = sso.type === 'saml'
  const [metadata, setMetadata] = useState('')
  const [issuer, setIssuer] = useState(stored ? textOf(sso, 'issuer') : '')
  const [ssoUrl, setSsoUrl] = useState(textOf(sso, 'sso_url'))
  const [logoutUrl, setLogoutUrl] = useState(textOf(sso, 'logout_url'))
  const [certificate, setCertificate] = useState('')
  const [groups, setGroups] = useState(textOf(sso, 'groups_attribute') || 'wallarm_roles')
  const [vendor, setVendor] = useState(stored ? sso.vendor : 'custom')
  const [domains, setDomains] = useDomains(sso, 'saml')
  const save = useSsoChange(() => {
    const source = metadata.trim().startsWith('https://') ? { metadata_url: metadata.trim() } : { metadata_xml: given(metadata) }
    const byHand = { issuer: given(issuer), sso_url: given(ssoUrl), logout_url: given(logoutUrl), x509: given(certificate) }
    // Metadata replaces what was stored, unless something else was typed.
    const kept = metadata === '' ? byHand : { x509: given(certificate) }
    return bodyOf(api.PUT('/v1/sso/saml', { body: { ...source, ...kept, domains: listed(domains), groups_attribute: groups.trim(), vendor } }))
  }, 'Provider saved')
  return (
    <ProviderForm sso={sso} save={{ ...save, submit: () => save.mutate(undefined) }}>
      <Address label="Entity id, where the provider also finds our metadata" value={sso.entity_id} />
      <Address label="Address for responses (ACS)" value={sso.acs_url} />
      <VendorSelect value={vendor} onChange={setVendor} />
      <Textarea
        label="Metadata of the provider" description="Its text, or an address that begins with https://" autosize minRows={3} maxRows={10}
        value={metadata} onChange={(event) => setMetadata(event.currentTarget.value)}
      />
      {metadata === '' ? (
        <>
          <TextInput label="Issuer" value={issuer} onChange={(event) => setIssuer(event.currentTarget.value)} />
          <TextInput label="Sign-in address" placeholder="https://login.example.com/sso" value={ssoUrl} onChange={(event) => setSsoUrl(event.currentTarget.value)} />
          <TextInput label="Sign-out address" value={logoutUrl} onChange={(event) => setLogoutUrl(event.currentTarget.value)} />
        </>
      ) : null}
      <Textarea
        label="Certificate" description={stored ? 'Needed again whenever the provider is saved' : 'PEM; with metadata only if another one counts'} autosize minRows={3} maxRows={10}
        value={certificate} onChange={(event) => setCertificate(event.currentTarget.value)}
      />
      <DomainsInput value={domains} onChange={setDomains} />
      <TextInput label="Attribute with the groups" required withAsterisk={false} maxLength={255} value={groups} onChange={(event) => setGroups(event.currentTarget.value)} />
    </ProviderForm>
  )
}

export function LdapForm({ sso }: { sso: Sso }) {
  const [domains, setDomains] = useDomains(sso, 'ldap')
  const stored = sso.type === 'ldap'
  const [url, setUrl] = useState(textOf(sso, 'url'))
  const [baseDn, setBaseDn] = useState(textOf(sso, 'base_dn'))
  const [bindDn, setBindDn] = useState(textOf(sso, 'bind_dn'))
  const [email, setEmail] = useState(textOf(sso, 'email_attribute') || 'mail')
  const [certificate, setCertificate] = useState(textOf(sso, 'certificate'))
  const [clientCertificate, setClientCertificate] = useState(textOf(sso, 'client_certificate'))
  const [clientKey, setClientKey] = useState('')
  const [secret, setSecret] = useState('')
  const save = useSsoChange(
    () => bodyOf(api.PUT('/v1/sso/ldap', {
      body: {
        url: url.trim(), base_dn: baseDn.trim(), bind_dn: bindDn.trim(), email_attribute: email.trim(),
        certificate: given(certificate), client_certificate: given(clientCertificate), client_key: given(clientKey),
        bind_password: secret === '' ? null : secret, domains: listed(domains),
      },
    })),
    'Server saved',
  )
  return (
    <ProviderForm sso={sso} save={{ ...save, submit: () => save.mutate(undefined) }}>
      <TextInput label="Address" placeholder="ldaps://ldap.example.com:636" required withAsterisk={false} value={url} onChange={(event) => setUrl(event.currentTarget.value)} />
      <DomainsInput value={domains} onChange={setDomains} required />
      <TextInput label="Where people and groups are" placeholder="dc=example,dc=com" required withAsterisk={false} value={baseDn} onChange={(event) => setBaseDn(event.currentTarget.value)} />
      <TextInput label="Account that searches" placeholder="cn=search,dc=example,dc=com" required withAsterisk={false} value={bindDn} onChange={(event) => setBindDn(event.currentTarget.value)} />
      <SecretInput label="Its password" stored={stored} value={secret} onChange={setSecret} />
      <TextInput label="Attribute with the e-mail address" required withAsterisk={false} value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
      <Textarea label="Certificate of its authority" description="PEM; empty if it is a public one" autosize minRows={2} maxRows={8} value={certificate} onChange={(event) => setCertificate(event.currentTarget.value)} />
      <Textarea label="Certificate that the server is shown" description="PEM; empty if it asks for none" autosize minRows={2} maxRows={8} value={clientCertificate} onChange={(event) => setClientCertificate(event.currentTarget.value)} />
      <Textarea label="Its key" description={stored && textOf(sso, 'client_certificate') ? 'PEM; empty keeps the stored one' : 'PEM'} autosize minRows={2} maxRows={8} value={clientKey} onChange={(event) => setClientKey(event.currentTarget.value)} />
    </ProviderForm>
  )
}
