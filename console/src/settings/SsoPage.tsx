import { Alert, Badge, Button, Card, Code, Group, PasswordInput, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconCheck, IconPlus, IconTrash } from '@tabler/icons-react'
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { messageOf } from '../api/errors'
import type { components } from '../api/schema'
import { useRefusal } from '../session/queries'
import { failed, succeeded } from '../ui/feedback'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { ErrorState } from '../ui/States'
import { Time } from '../ui/Time'
import { Section } from './Section'

type Sso = components['schemas']['SsoView']
type Mapping = components['schemas']['GroupMapping']

const ssoQuery = queryOptions({ queryKey: ['sso'], queryFn: () => bodyOf(api.GET('/v1/sso')) })

/** A change of the configuration, whose answer is the configuration. */
function useSsoChange<T>(change: (input: T) => Promise<Sso>, done: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: change,
    onSuccess: (sso) => {
      client.setQueryData(ssoQuery.queryKey, sso)
      succeeded(done)
    },
  })
}

export function SsoPage() {
  const { data, error, refetch } = useQuery(ssoQuery)
  return (
    <Section title="Single sign-on" description="People sign in with the account of your company instead of a password.">
      {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : data ? (
        <Stack gap="lg" maw={720}>
          <ProviderCard sso={data} />
          {data.type ? <MappingCard key={JSON.stringify(data.role_mapping)} sso={data} /> : null}
          {data.type ? <StateCard sso={data} /> : null}
        </Stack>
      ) : <Skeleton height={320} />}
    </Section>
  )
}

const textOf = (sso: Sso, name: string): string => {
  const value = (sso.settings as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : ''
}

function ProviderCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const [issuer, setIssuer] = useState(textOf(sso, 'issuer'))
  const [clientId, setClientId] = useState(textOf(sso, 'client_id'))
  const [secret, setSecret] = useState('')
  const save = useSsoChange(
    () => bodyOf(api.PUT('/v1/sso/oidc', { body: { issuer: issuer.trim(), client_id: clientId.trim(), client_secret: secret === '' ? null : secret } })),
    'Provider saved',
  )
  const active = sso.state === 'active' ? 'Deactivate single sign-on first' : undefined
  if (sso.type === 'ldap') {
    return <Card p="lg"><Text fw={600}>LDAP</Text><Text size="sm" c="dimmed">{textOf(sso, 'url')}, {textOf(sso, 'base_dn')}</Text></Card>
  }
  return (
    <Card p="lg">
      <Stack gap="md">
        <Text fw={600}>OpenID Connect provider</Text>
        <div>
          <Text size="sm">Register this address at the provider:</Text>
          <Code>{sso.callback_url}</Code>
        </div>
        <TextInput label="Issuer" placeholder="https://login.example.com" required withAsterisk={false} value={issuer} onChange={(event) => setIssuer(event.currentTarget.value)} />
        <TextInput label="Client id" required withAsterisk={false} value={clientId} onChange={(event) => setClientId(event.currentTarget.value)} />
        <PasswordInput
          label="Client secret" autoComplete="off" value={secret} description={sso.type ? 'Empty keeps the one that is stored' : undefined}
          visibilityToggleButtonProps={{ 'aria-label': 'Show client secret' }} onChange={(event) => setSecret(event.currentTarget.value)}
        />
        {save.error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(save.error)}</Alert> : null}
        <Group justify="flex-end">
          <GuardedButton loading={save.isPending} refusal={active ?? refusal('update_sso')} onClick={() => save.mutate(undefined)}>Save provider</GuardedButton>
        </Group>
      </Stack>
    </Card>
  )
}

function MappingCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const [rows, setRows] = useState<readonly Mapping[]>(sso.role_mapping)
  const save = useSsoChange((mapping: readonly Mapping[]) => bodyOf(api.PUT('/v1/sso/mapping', { body: [...mapping] })), 'Groups saved')
  const set = (index: number, change: Partial<Mapping>) => setRows(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  return (
    <Card p="lg">
      <Stack gap="sm">
        <div>
          <Text fw={600}>Groups and roles</Text>
          <Text size="sm" c="dimmed">Of several roles a person gets the widest; without any, no access.</Text>
        </div>
        {rows.map((row, index) => (
          // The order is the identity of a row that is being typed.
          <Group key={index} wrap="nowrap">
            <TextInput aria-label={`Group ${index + 1}`} placeholder="Group" flex={1} value={row.group} onChange={(event) => set(index, { group: event.currentTarget.value })} />
            <TextInput aria-label={`Role ${index + 1}`} placeholder="analytic" w={160} value={row.role} onChange={(event) => set(index, { role: event.currentTarget.value })} />
            <IconButton label={`Remove group ${index + 1}`} icon={<IconTrash size={17} />} onClick={() => setRows(rows.filter((_, at) => at !== index))} />
          </Group>
        ))}
        {save.error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(save.error)}</Alert> : null}
        <Group justify="space-between">
          <Button variant="subtle" size="xs" leftSection={<IconPlus size={15} />} onClick={() => setRows([...rows, { group: '', role: '' }])}>Add a group</Button>
          <GuardedButton size="xs" refusal={refusal('update_sso')} loading={save.isPending} onClick={() => save.mutate(rows)}>Save groups</GuardedButton>
        </Group>
      </Stack>
    </Card>
  )
}

function StateCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const activate = useSsoChange(() => bodyOf(api.POST('/v1/sso/activate')), 'Single sign-on is in force')
  const deactivate = useSsoChange(() => bodyOf(api.POST('/v1/sso/deactivate')), 'Single sign-on is off')
  const test = useMutation({
    mutationFn: () => bodyOf(api.POST('/v1/sso/test')),
    onSuccess: ({ url }) => {
      window.open(url, '_blank', 'noopener')
    },
    onError: failed,
  })
  const error = activate.error ?? deactivate.error
  const active = sso.state === 'active'
  return (
    <Card p="lg">
      <Stack gap="md">
        <Group justify="space-between">
          <div>
            <Group gap="xs">
              <Text fw={600}>State</Text>
              <Badge variant="dot" color={active ? 'teal' : 'gray'}>{active ? 'Active' : sso.state === 'testing' ? 'Tested' : 'Draft'}</Badge>
            </Group>
            <Text size="sm" c="dimmed">Last test sign-in <Time at={sso.tested_at ?? null} missing="never" /></Text>
          </div>
          <Group gap="xs">
            {sso.type === 'oidc' ? <GuardedButton variant="default" size="xs" refusal={refusal('update_sso')} loading={test.isPending} onClick={() => test.mutate()}>Test sign-in</GuardedButton> : null}
            {active ? (
              <GuardedButton variant="default" size="xs" refusal={refusal('update_sso')} loading={deactivate.isPending} onClick={() => deactivate.mutate(undefined)}>Deactivate</GuardedButton>
            ) : (
              <GuardedButton size="xs" leftSection={<IconCheck size={15} />} refusal={refusal('update_sso')} loading={activate.isPending} onClick={() => activate.mutate(undefined)}>Activate</GuardedButton>
            )}
          </Group>
        </Group>
        {active ? <Text size="sm">People sign in at <Code>{sso.login_url}</Code></Text> : null}
        {error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(error)}</Alert> : null}
      </Stack>
    </Card>
  )
}
