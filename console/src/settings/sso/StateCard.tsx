import { Alert, Badge, Card, Code, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconCheck } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { messageOf } from '../../api/errors'
import { useRefusal } from '../../session/queries'
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
            {active ? (
              <GuardedButton variant="default" size="xs" refusal={refusal('update_sso')} onClick={() => setEnding(true)}>Deactivate</GuardedButton>
            ) : (
              <GuardedButton size="xs" leftSection={<IconCheck size={15} />} refusal={refusal('update_sso')} loading={activate.isPending} onClick={() => activate.mutate(undefined)}>Activate</GuardedButton>
            )}
          </Group>
        </Group>
        {active ? <Text size="sm">People sign in at <Code>{sso.login_url}</Code></Text> : null}
        {error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(error)}</Alert> : null}
        <ProofModal title="Deactivate single sign-on" submit="Deactivate" opened={ending} onClose={() => setEnding(false)} action={deactivate} />
        <LdapTestModal opened={testing} onClose={() => setTesting(false)} />
      </Stack>
    </Card>
  )
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
          {test.data.state === 'success' ? `Signed in; role: ${test.data.role ?? 'none, so no access'}` : test.data.error}
        </Alert>
      ) : null}
    </FormModal>
  )
}
