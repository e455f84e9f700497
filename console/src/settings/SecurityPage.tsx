import { Badge, Button, Card, Group, Modal, PasswordInput, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconLogout } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { usesConsole } from '../domain/permissions'
import { programOf } from '../domain/programs'
import { currentUserQuery } from '../session/queries'
import { SecondFactorSetup } from '../session/SecondFactorSetup'
import { sessionsQuery, useEndSession, useRemoveFactor } from '../session/security'
import { FormModal } from '../ui/FormModal'
import { ErrorState } from '../ui/States'
import { Time } from '../ui/Time'
import { ChangePasswordModal } from './ChangePasswordModal'
import { Section } from './Section'

export function SecurityPage() {
  const { data: user } = useQuery(currentUserQuery)
  return (
    <Section title="My sign-in" description="Your password, your second factor, and where you are signed in.">
      <Stack gap="lg" maw={720}>
        <PasswordCard />
        <FactorCard />
        {user !== undefined && usesConsole(user) ? <SessionsCard /> : null}
      </Stack>
    </Section>
  )
}

function PasswordCard() {
  const { data: user } = useQuery(currentUserQuery)
  const [changing, { open, close }] = useDisclosure()
  const byProvider = user !== undefined && !user.available_authentications.includes('default')
  return (
    <Card p="lg">
      <Group justify="space-between">
        <div>
          <Text fw={600}>Password</Text>
          <Text size="sm" c="dimmed">
            {byProvider ? 'You sign in with the account of your company.' : <>Changed <Time at={user?.password_changed || null} missing="never" /></>}
          </Text>
        </div>
        {byProvider ? null : <Button variant="default" size="xs" onClick={open}>Change password</Button>}
      </Group>
      {changing ? <ChangePasswordModal onClose={close} /> : null}
    </Card>
  )
}

function FactorCard() {
  const { data: user } = useQuery(currentUserQuery)
  const [setting, setUp] = useDisclosure()
  const [removing, remove] = useDisclosure()
  if (!user) return <Skeleton height={80} />
  return (
    <Card p="lg">
      <Group justify="space-between">
        <div>
          <Group gap="xs">
            <Text fw={600}>Second factor</Text>
            <Badge variant="dot" color={user.mfa_enabled ? 'teal' : 'gray'}>{user.mfa_enabled ? 'On' : 'Off'}</Badge>
          </Group>
          <Text size="sm" c="dimmed">A code of your authenticator besides the password.</Text>
        </div>
        {user.mfa_enabled ? (
          <Button variant="default" size="xs" onClick={remove.open}>Turn off</Button>
        ) : (
          <Button variant="default" size="xs" onClick={setUp.open}>Set up</Button>
        )}
      </Group>
      <Modal title="Set up a second factor" opened={setting} onClose={setUp.close} closeButtonProps={{ 'aria-label': 'Close' }}>
        <SecondFactorSetup onDone={setUp.close} />
      </Modal>
      {removing ? <RemoveFactorModal onClose={remove.close} /> : null}
    </Card>
  )
}

function RemoveFactorModal({ onClose }: { onClose: () => void }) {
  const [otp, setOtp] = useState('')
  const [password, setPassword] = useState('')
  const remove = useRemoveFactor(onClose)
  return (
    <FormModal
      title="Turn the second factor off" opened onClose={onClose} submit="Turn off" busy={remove.isPending} error={remove.error}
      onSubmit={() => remove.mutate({ otp: otp.trim(), password })}
    >
      <TextInput
        label="Code of your authenticator" autoComplete="one-time-code" inputMode="numeric" required withAsterisk={false} data-autofocus
        value={otp} onChange={(event) => setOtp(event.currentTarget.value)}
      />
      <PasswordInput
        label="Your password" autoComplete="current-password" required withAsterisk={false} value={password}
        visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setPassword(event.currentTarget.value)}
      />
    </FormModal>
  )
}

function SessionsCard() {
  const { data, error, refetch } = useQuery(sessionsQuery)
  const end = useEndSession()
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />
  return (
    <Card p="lg">
      <Text fw={600} mb="sm">Sessions</Text>
      <Stack gap="sm" role="list" aria-label="Sessions">
        {data === undefined ? <Skeleton height={60} /> : data.map((session) => (
          <Group key={session.id} justify="space-between" wrap="nowrap" role="listitem">
            <div>
              <Text size="sm" title={session.user_agent}>{programOf(session.user_agent)} {session.current ? <Badge size="xs" variant="light">this one</Badge> : null}</Text>
              <Text size="xs" c="dimmed">{session.ip}, since <Time at={session.created_at} />, last used <Time at={session.last_seen_at} /></Text>
            </div>
            {session.current ? null : (
              <Button
                variant="subtle" size="xs" flex="none" leftSection={<IconLogout size={15} />} aria-label={`End the session from ${session.ip}`}
                onClick={() => end.mutate(session.id)}
              >
                End
              </Button>
            )}
          </Group>
        ))}
      </Stack>
    </Card>
  )
}
