import { Alert, Badge, Card, Code, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconCheck } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { messageOf } from '../../api/errors'
import { roleLabel } from '../../domain/permissions'
import { useRefusal } from '../../session/queries'
import { Facts } from '../../ui/Facts'
import { failed, succeeded } from '../../ui/feedback'
import { FormModal } from '../../ui/FormModal'
import { GuardedButton } from '../../ui/GuardedButton'
import { Time } from '../../ui/Time'
import { ProofModal } from './ProofModal'
import { ssoQuery, useSsoChange, type Sso } from './queries'

export function StateCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const activate = useSsoChange(() => bodyOf(api.POST('/v1/sso/activate')), 'Single sign-on is in force')
  const client = useQueryClient()
  const [ending, setEnding] = useState(false)
  const deactivate = async (proof: string) => {
    client.setQueryData(ssoQuery.queryKey, await bodyOf(api.POST('/v1/sso/deactivate', { params: { header: { 'X-Reauth': proof } } })))
    succeeded('Single sign-on is off')
  }
  const test = useMutation({
    mutationFn: () => bodyOf(api.POST('/v1/sso/test')),
    onSuccess: ({ url }) => {
      window.open(url, '_blank', 'noopener')
    },
    onError: failed,
  })
  const [testing, setTesting] = useState(false)
  const [removing, setRemoving] = useState(false)
  const remove = async (proof: string) => {
    client.setQueryData(ssoQuery.queryKey, await bodyOf(api.DELETE('/v1/sso', { params: { header: { 'X-Reauth': proof } } })))
    succeeded('Single sign-on is removed')
  }
  const { error } = activate
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
            <GuardedButton
              variant="default" size="xs" refusal={refusal('update_sso')} loading={test.isPending}
              onClick={() => (sso.type === 'ldap' ? setTesting(true) : test.mutate())}
            >
              Test sign-in
            </GuardedButton>
            <GuardedButton
              variant="default" size="xs" refusal={refusal('update_sso') ?? (sso.provisioning ? 'Not while the provider is the source of users' : undefined)}
              onClick={() => setRemoving(true)}
            >
              Remove
            </GuardedButton>
            {active ? (
              <GuardedButton variant="default" size="xs" refusal={refusal('update_sso') ?? (sso.provisioning ? 'Not while the provider is the source of users' : undefined)} onClick={() => setEnding(true)}>Deactivate</GuardedButton>
            ) : (
              <GuardedButton size="xs" leftSection={<IconCheck size={15} />} refusal={refusal('update_sso')} loading={activate.isPending} onClick={() => activate.mutate(undefined)}>Activate</GuardedButton>
            )}
          </Group>
        </Group>
        {test.data ? <TestResult key={test.data.id} id={test.data.id} /> : null}
        {active ? <Text size="sm">People sign in at <Code>{sso.login_url}</Code></Text> : null}
        {error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(error)}</Alert> : null}
        <ProofModal title="Remove single sign-on" submit="Remove" opened={removing} onClose={() => setRemoving(false)} action={remove}>
          <Text size="sm">Everybody is back to passwords, and what was set up here is forgotten: provider, groups and roles, certificates.</Text>
        </ProofModal>
        <ProofModal title="Deactivate single sign-on" submit="Deactivate" opened={ending} onClose={() => setEnding(false)} action={deactivate} />
        <LdapTestModal opened={testing} onClose={() => setTesting(false)} />
      </Stack>
    </Card>
  )
}

const WAITING_MS = 2_000

/** What the sign-in in the other window came to, as soon as it has. */
function TestResult({ id }: { id: string }) {
  const client = useQueryClient()
  const { data, error } = useQuery({
    queryKey: ['sso', 'test', id],
    queryFn: async () => {
      const result = await bodyOf(api.GET('/v1/sso/test/{id}', { params: { path: { id } } }))
      // It counts for activation.
      if (result.state === 'success') await client.invalidateQueries({ queryKey: ssoQuery.queryKey, exact: true })
      return result
    },
    refetchInterval: ({ state }) => (state.error === null && (state.data?.state ?? 'waiting') === 'waiting' ? WAITING_MS : false),
  })
  if (error) return <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(error)}</Alert>
  if (data === undefined || data.state === 'waiting') return <Alert role="status">Sign in at the provider, in the window that opened. The result appears here.</Alert>
  if (data.state !== 'success') return <Alert color="red" icon={<IconAlertCircle />} role="alert" title="The test sign-in failed">{data.error ?? 'The provider gave no reason.'}</Alert>
  return (
    <Alert color="teal" icon={<IconCheck />} role="status" title={`Signed in; role: ${data.role ? roleLabel([data.role]) : 'none, so no access'}`}>
      <Facts facts={Object.entries(data.attributes as Record<string, unknown>).map(([name, value]) => [name, told(value)] as const)} />
    </Alert>
  )
}

/** A value that the provider sent, as one line. */
function told(value: unknown): string {
  if (Array.isArray(value)) return value.map(told).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Signs in at the directory as somebody and says what it knows of them. */
function LdapTestModal({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const test = useMutation({ mutationFn: () => bodyOf(api.POST('/v1/sso/ldap/test', { body: { username: username.trim(), password } })) })
  const close = () => {
    onClose()
    setPassword('')
    test.reset()
  }
  return (
    <FormModal title="Test sign-in" opened={opened} onClose={close} submit="Test" busy={test.isPending} error={test.error} onSubmit={() => test.mutate()}>
      <TextInput label="E-mail address" value={username} data-autofocus onChange={(event) => setUsername(event.currentTarget.value)} />
      <PasswordInput
        label="Password in the directory" autoComplete="off" value={password} visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {test.data ? (
        <Alert color={test.data.state === 'success' ? 'teal' : 'red'} role="status">
          {test.data.state === 'success' ? `Signed in; role: ${test.data.role ? roleLabel([test.data.role]) : 'none, so no access'}` : test.data.error}
        </Alert>
      ) : null}
    </FormModal>
  )
}
