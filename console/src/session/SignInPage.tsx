import { Alert, Anchor, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { IconAlertCircle, IconInfoCircle } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError, messageOf } from '../api/errors'
import { Logo } from '../ui/Logo'
import { sessionQuery, signIn } from './queries'
import classes from './SignInPage.module.css'

function refusalText(error: unknown): string {
  if (error instanceof ApiError && error.message === 'mfa_required') {
    return 'This account asks for a second factor, which this page does not offer yet.'
  }
  return messageOf(error)
}

export function SignInPage() {
  useDocumentTitle('Sign in · Bartizan')
  const { redirect, expired } = useSearch({ from: '/sign-in' })
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const attempt = useMutation({
    mutationFn: async () => {
      await signIn(username.trim(), password)
      queryClient.clear()
      await queryClient.fetchQuery(sessionQuery)
    },
    onSuccess: () => navigate({ to: redirect ?? '/', replace: true }),
    onError: () => setPassword(''),
  })

  return (
    <div className={classes.page}>
      <aside className={classes.wall} aria-hidden="true">
        <Wall />
        <div className={classes.words}>
          <Text fz={30} fw={650} lh={1.2}>Watch every gate of your&nbsp;APIs.</Text>
          <Text mt="sm" opacity={0.8}>Attacks seen, blocked and answered by a rule, in seconds.</Text>
        </div>
      </aside>
      <main className={classes.side}>
        <Paper className={classes.form}>
          <Stack gap="lg">
            <div>
              <Logo size={40} />
              <Title order={1} size="h2" mt="md">Sign in to Bartizan</Title>
              <Text c="dimmed" size="sm" mt={4}>Use the account of your Console.</Text>
            </div>
            {expired ? (
              <Alert icon={<IconInfoCircle />} color="verdigris" role="status">Your session ended. Sign in to go on where you were.</Alert>
            ) : null}
            <form
              onSubmit={(event) => {
                event.preventDefault()
                attempt.mutate()
              }}
            >
              <Stack gap="md">
                <TextInput
                  label="Email" type="email" name="username" autoComplete="username" required autoFocus withAsterisk={false} size="md"
                  value={username} onChange={(event) => setUsername(event.currentTarget.value)}
                />
                <PasswordInput
                  label="Password" name="password" autoComplete="current-password" required withAsterisk={false} size="md"
                  value={password} onChange={(event) => setPassword(event.currentTarget.value)}
                  visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
                />
                {attempt.error ? (
                  <Alert icon={<IconAlertCircle />} color="red" role="alert">{refusalText(attempt.error)}</Alert>
                ) : null}
                <Button type="submit" size="md" fullWidth loading={attempt.isPending}>Sign in</Button>
              </Stack>
            </form>
            <Text size="xs" c="dimmed">
              Calling the API from a program? See the <Anchor href="/apiconsole/" size="xs" underline="always">API Console</Anchor>.
            </Text>
          </Stack>
        </Paper>
      </main>
    </div>
  )
}

/** Courses of stone, drawn so that nothing has to be fetched. */
function Wall() {
  return (
    <svg className={classes.stones} preserveAspectRatio="xMidYMid slice" viewBox="0 0 400 600" focusable="false">
      <defs>
        <pattern id="courses" width="80" height="48" patternUnits="userSpaceOnUse">
          <path d="M0 .5h80M0 24.5h80M20.5 0v24M60.5 24v24" stroke="#fff" strokeOpacity=".07" fill="none" />
        </pattern>
      </defs>
      <rect width="400" height="600" fill="url(#courses)" />
      <path
        transform="translate(70 70) scale(9.6)"
        fill="#0c3733"
        stroke="#fff"
        strokeOpacity=".16"
        strokeWidth=".09"
        d="M8 6h3.4v3h3v-3h3.2v3h3v-3H24v7.2c0 .9-.4 1.7-1 2.3l-1.4 1.3v4.1c0 .6-.2 1.1-.6 1.6l-4.2 4.9a1 1 0 0 1-1.6 0L11 22.5c-.4-.5-.6-1-.6-1.6v-4.1L9 15.5a3.2 3.2 0 0 1-1-2.3z"
      />
    </svg>
  )
}
