/** The pages behind the links of letters: reset, invitation, new address. */
import { Alert, Anchor, Button, PasswordInput, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconCheck } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { api, bodyOf } from '../api/client'
import { ApiError, messageOf } from '../api/errors'
import { AuthFrame } from './AuthFrame'

/** The token of the link that led here. */
function useToken(): string {
  return useState(() => window.location.hash.slice(1))[0]
}

const ToSignIn = () => <Anchor component={Link} to="/sign-in" size="sm" underline="always">Sign in</Anchor>

function Refusal({ error }: { error: unknown }) {
  if (!error) return null
  return <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(error)}</Alert>
}

function Done({ children }: { children: ReactNode }) {
  return (
    <Stack gap="md">
      <Alert icon={<IconCheck />} color="verdigris" role="status">{children}</Alert>
      <ToSignIn />
    </Stack>
  )
}

interface NewPasswordFieldsProps {
  password: string
  again: string
  onPassword: (value: string) => void
  onAgain: (value: string) => void
}

/** Two fields that must agree. */
export function NewPasswordFields({ password, again, onPassword, onAgain }: NewPasswordFieldsProps) {
  return (
    <>
      <PasswordInput
        label="New password" autoComplete="new-password" required withAsterisk={false} size="md" value={password}
        description="At least 8 characters with lower case, upper case and digits"
        visibilityToggleButtonProps={{ 'aria-label': 'Show new password' }} onChange={(event) => onPassword(event.currentTarget.value)}
      />
      <PasswordInput
        label="The same again" autoComplete="new-password" required withAsterisk={false} size="md" value={again}
        error={again !== '' && again !== password ? 'The passwords differ' : null}
        visibilityToggleButtonProps={{ 'aria-label': 'Show the repeated password' }} onChange={(event) => onAgain(event.currentTarget.value)}
      />
    </>
  )
}

export function ForgotPage() {
  const [email, setEmail] = useState('')
  const ask = useMutation({ mutationFn: () => bodyOf(api.POST('/v1/password/forgot', { body: { email: email.trim() } })) })
  return (
    <AuthFrame title="Forgot your password?" description="A link to choose a new one goes to your address.">
      {ask.isSuccess ? (
        <Done>If the address has an account, a letter with a link is on its way. The link works for an hour.</Done>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            ask.mutate()
          }}
        >
          <Stack gap="md">
            <TextInput
              label="Email" type="email" autoComplete="username" required autoFocus withAsterisk={false} size="md"
              value={email} onChange={(event) => setEmail(event.currentTarget.value)}
            />
            <Refusal error={ask.error} />
            <Button type="submit" size="md" fullWidth loading={ask.isPending}>Send the link</Button>
            <ToSignIn />
          </Stack>
        </form>
      )}
    </AuthFrame>
  )
}

export function ResetPage() {
  const token = useToken()
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const reset = useMutation({ mutationFn: () => bodyOf(api.POST('/v1/password/reset', { body: { token, password } })) })
  return (
    <AuthFrame title="Choose a new password" description="Your other sessions end; API tokens and keys stay.">
      {reset.isSuccess ? (
        <Done>Your password is changed.</Done>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (password === again) reset.mutate()
          }}
        >
          <Stack gap="md">
            <NewPasswordFields password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
            <Refusal error={reset.error} />
            <Button type="submit" size="md" fullWidth loading={reset.isPending}>Change password</Button>
          </Stack>
        </form>
      )}
    </AuthFrame>
  )
}

/** Whether the cloud knows no such link, or not any more. */
const gone = (error: unknown) => error instanceof ApiError && error.status === 404

export function InvitationPage() {
  const token = useToken()
  const invitation = useQuery({
    queryKey: ['invitation', token],
    queryFn: () => bodyOf(api.GET('/v1/invitations/token/{token}', { params: { path: { token } } })),
    retry: false,
  })
  if (invitation.error) {
    return (
      <AuthFrame title="Invitation" description="This link does not work.">
        {gone(invitation.error) ? (
          <Alert icon={<IconAlertCircle />} color="red" role="alert">It is not complete, was used or withdrawn, or its time is over.</Alert>
        ) : (
          <Refusal error={invitation.error} />
        )}
        <Text size="sm">Ask the person who invited you for a new one.</Text>
      </AuthFrame>
    )
  }
  if (!invitation.data) return <AuthFrame title="Invitation" description="One moment…"><Skeleton height={200} /></AuthFrame>
  return <AcceptForm token={token} {...invitation.data} />
}

interface AcceptFormProps {
  token: string
  email: string
  client_name: string
  realname: string
  sso: boolean
}

function AcceptForm({ token, email, client_name: client, realname, sso }: AcceptFormProps) {
  const [name, setName] = useState(realname)
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const accept = useMutation({
    mutationFn: () => {
      const secret = sso ? {} : { password, password_confirmation: again }
      return bodyOf(api.POST('/v1/invitations/accept', { body: { token, realname: name.trim(), ...secret } }))
    },
  })
  return (
    <AuthFrame title={`Join ${client}`} description={`You are invited as ${email}.`}>
      {accept.isSuccess ? (
        accept.data.confirm_email ? (
          <Alert role="status">We sent a letter to {email}. Open the link in it to confirm your address; then you can sign in.</Alert>
        ) : (
          <Done>Welcome. You can sign in now.</Done>
        )
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (sso || password === again) accept.mutate()
          }}
        >
          <Stack gap="md">
            <TextInput
              label="Your name" autoComplete="name" required withAsterisk={false} size="md" value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            {sso ? (
              <Text size="sm">You will sign in with the account of your company: no password is needed here.</Text>
            ) : (
              <NewPasswordFields password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
            )}
            <Refusal error={accept.error} />
            <Button type="submit" size="md" fullWidth loading={accept.isPending}>Accept the invitation</Button>
          </Stack>
        </form>
      )}
    </AuthFrame>
  )
}

export function EmailPage() {
  const token = useToken()
  const confirm = useMutation({ mutationFn: () => bodyOf(api.POST('/v1/user/email/confirm', { body: { token } })) })
  return (
    <AuthFrame title="Confirm your address" description="From then on you sign in with it.">
      {confirm.isSuccess ? (
        <Done>Your address is confirmed.</Done>
      ) : (
        <Stack gap="md">
          <Refusal error={confirm.error} />
          <Button size="md" fullWidth loading={confirm.isPending} onClick={() => confirm.mutate()}>Confirm</Button>
        </Stack>
      )}
    </AuthFrame>
  )
}

/** Who opened the letter must be who chose the password: it is asked again. */
export function SignUpConfirmPage() {
  const [link] = useState(() => new URLSearchParams(window.location.hash.slice(1)))
  const [password, setPassword] = useState('')
  const company = link.get('company') ?? 'The company'
  const joining = link.get('joining') === 'true'
  const confirm = useMutation({
    mutationFn: () => bodyOf(api.POST('/v1/user/email/confirm', { body: { token: link.get('token') ?? '', password } })),
  })
  return (
    <AuthFrame
      title={joining ? 'Confirm your address' : 'Confirm your sign-up'}
      description={joining ? `You join ${company}.` : `${company} is made, with you as its first administrator.`}
    >
      {confirm.isSuccess ? (
        <Done>{joining ? 'Welcome.' : `${company} is ready.`} You can sign in now.</Done>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            confirm.mutate()
          }}
        >
          <Stack gap="md">
            <PasswordInput
              label="The password that you chose" autoComplete="current-password" required autoFocus withAsterisk={false} size="md"
              value={password} visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
            <Text size="sm">If you did not sign up, close this page: nothing is made.</Text>
            <Refusal error={confirm.error} />
            <Button type="submit" size="md" fullWidth loading={confirm.isPending}>Make the account</Button>
          </Stack>
        </form>
      )}
    </AuthFrame>
  )
}
