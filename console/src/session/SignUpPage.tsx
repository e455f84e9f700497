/** Making a company of one's own, where the operator allows it. */
import { Alert, Anchor, Button, Stack, TextInput } from '@mantine/core'
import { IconAlertCircle, IconCheck } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { messageOf } from '../api/errors'
import { AuthFrame } from './AuthFrame'
import { NewPasswordFields } from './LinkPages'

export function SignUpPage() {
  const [client, setClient] = useState('')
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const ask = useMutation({
    mutationFn: () =>
      bodyOf(api.POST('/v1/signup', { body: { client_name: client.trim(), realname: name.trim(), email: email.trim(), password } })),
  })
  return (
    <AuthFrame title="Create an account" description="For your company; you are its first administrator.">
      {ask.isSuccess ? (
        <Alert icon={<IconCheck />} color="verdigris" role="status">
          A letter with a link is on its way. The account is made when you open the link, within 24 hours.
        </Alert>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (password === again) ask.mutate()
          }}
        >
          <Stack gap="md">
            <TextInput
              label="Company" autoComplete="organization" required autoFocus withAsterisk={false} size="md" value={client}
              onChange={(event) => setClient(event.currentTarget.value)}
            />
            <TextInput
              label="Your name" autoComplete="name" required withAsterisk={false} size="md" value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <TextInput
              label="Email" type="email" autoComplete="username" required withAsterisk={false} size="md" value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
            />
            <NewPasswordFields password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
            {ask.error ? <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(ask.error)}</Alert> : null}
            <Button type="submit" size="md" fullWidth loading={ask.isPending}>Create the account</Button>
          </Stack>
        </form>
      )}
      <Anchor component={Link} to="/sign-in" size="sm" underline="always">Sign in</Anchor>
    </AuthFrame>
  )
}
