import { Alert, Anchor, Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconInfoCircle } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { messageOf } from '../api/errors'
import { AuthFrame } from './AuthFrame'
import { sessionQuery, signIn, signInByCode } from './queries'
import { refusalText } from './signInSearch'

function useLoginOptions() {
  return useQuery({ queryKey: ['login-options'], queryFn: () => bodyOf(api.GET('/v1/login/options')), staleTime: Infinity, retry: false })
}

/** For strangers, where the operator lets them in. */
function SignUpLink() {
  const { data } = useLoginOptions()
  if (!data?.signup) return null
  return <Text size="sm">No account yet? <Anchor component={Link} to="/sign-up" size="sm" underline="always">Create one</Anchor></Text>
}

/** Clouds with users of their own: who is not known here may be there. */
function OtherClouds() {
  const { data } = useLoginOptions()
  if (!data || data.clouds.length === 0) return null
  return (
    <Text size="sm">
      This is the {data.label} cloud. Go to {data.clouds.map(({ label, console_url: url }, index) => (
        <span key={url}>{index > 0 ? ', ' : ''}<Anchor href={url} size="sm" underline="always">{label}</Anchor></span>
      ))}.
    </Text>
  )
}

export function SignInPage() {
  const search = useSearch({ from: '/sign-in' })
  const { redirect, expired } = search
  const refused = refusalText(search)
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [ticket, setTicket] = useState<string | null>(null)
  const enter = async () => {
    queryClient.clear()
    await queryClient.fetchQuery(sessionQuery)
    await navigate({ to: redirect ?? '/', replace: true })
  }
  if (ticket !== null) return <CodeStep ticket={ticket} onDone={enter} onBack={() => setTicket(null)} />
  return (
    <AuthFrame title="Sign in to Bartizan" description="Use the account of your Console.">
      {expired ? (
        <Alert icon={<IconInfoCircle />} color="verdigris" role="status">Your session ended. Sign in to go on where you were.</Alert>
      ) : null}
      {refused !== undefined ? (
        <Alert icon={<IconAlertCircle />} color="red" role="alert">{refused}</Alert>
      ) : null}
      <PasswordStep onDone={enter} onTicket={setTicket} />
      <SignUpLink />
      <OtherClouds />
      <Text size="xs" c="dimmed">
        Calling the API from a program? See the <Anchor href="/apiconsole/" size="xs" underline="always">API Console</Anchor>.
      </Text>
    </AuthFrame>
  )
}

function PasswordStep({ onDone, onTicket }: { onDone: () => Promise<void>; onTicket: (ticket: string) => void }) {
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const attempt = useMutation({
    mutationFn: async () => {
      const ticket = await signIn(username.trim(), password)
      if (ticket === null) await onDone()
      return ticket
    },
    onSuccess: (ticket) => {
      if (ticket !== null) onTicket(ticket)
    },
    onError: () => setPassword(''),
  })
  const discovery = useMutation({ mutationFn: (address: string) => bodyOf(api.POST('/v1/login/discover', { body: { username: address } })) })
  const company = discovery.data?.sso_url
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        attempt.mutate()
      }}
    >
      <Stack gap="md">
        <TextInput
          onBlur={() => {
            if (username.includes('@')) discovery.mutate(username.trim())
          }}
          label="Email" type="email" name="username" autoComplete="username" required autoFocus withAsterisk={false} size="md"
          value={username} onChange={(event) => setUsername(event.currentTarget.value)}
        />
        <PasswordInput
          label="Password" name="password" autoComplete="current-password" required withAsterisk={false} size="md"
          value={password} onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
        />
        {attempt.error ? (
          <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(attempt.error)}</Alert>
        ) : null}
        <Button type="submit" size="md" fullWidth loading={attempt.isPending}>Sign in</Button>
        {company ? <Button component="a" href={company} variant="default" size="md" fullWidth>Use the account of your company</Button> : null}
        <Anchor component={Link} to="/forgot" size="sm" underline="always">Forgot your password?</Anchor>
      </Stack>
    </form>
  )
}

/** The second step: a code of the authenticator, or a recovery code. */
function CodeStep({ ticket, onDone, onBack }: { ticket: string; onDone: () => Promise<void>; onBack: () => void }) {
  const [recovery, setRecovery] = useState(false)
  const [code, setCode] = useState('')
  const attempt = useMutation({
    mutationFn: async () => {
      await signInByCode(ticket, recovery ? { recovery_code: code.trim() } : { otp: code.trim() })
      await onDone()
    },
    onError: () => setCode(''),
  })
  return (
    <AuthFrame
      title="Second factor"
      description={recovery ? 'Each of the codes that you kept works once.' : 'Open your authenticator and type the code it shows.'}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          attempt.mutate()
        }}
      >
        <Stack gap="md">
          <TextInput
            label={recovery ? 'Recovery code' : 'Code'} name="code" autoComplete="one-time-code" inputMode={recovery ? 'text' : 'numeric'}
            required autoFocus withAsterisk={false} size="md" value={code} onChange={(event) => setCode(event.currentTarget.value)}
          />
          {attempt.error ? (
            <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(attempt.error)}. After five wrong codes, sign in again.</Alert>
          ) : null}
          <Button type="submit" size="md" fullWidth loading={attempt.isPending}>Go on</Button>
          <Group justify="space-between">
            <Button
              variant="subtle" size="compact-sm"
              onClick={() => {
                setRecovery(!recovery)
                setCode('')
              }}
            >
              {recovery ? 'Use the authenticator' : 'Use a recovery code'}
            </Button>
            <Button variant="subtle" size="compact-sm" onClick={onBack}>Start again</Button>
          </Group>
        </Stack>
      </form>
    </AuthFrame>
  )
}
