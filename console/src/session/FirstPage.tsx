/** What an account must do before the Console opens. */
import { Alert, Button, PasswordInput, Stack } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { messageOf } from '../api/errors'
import { AuthFrame } from './AuthFrame'
import { NewPasswordFields } from './LinkPages'
import { sessionQuery } from './queries'
import { SecondFactorSetup } from './SecondFactorSetup'
import { useChangePassword } from './security'

export function FirstPage() {
  const { data: session } = useQuery(sessionQuery)
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const goOn = async () => {
    const fresh = await queryClient.fetchQuery({ ...sessionQuery, staleTime: 0 })
    if (!fresh.restriction) await navigate({ to: '/', replace: true })
  }
  if (session?.restriction === 'mfa') {
    return (
      <AuthFrame title="Set up a second factor" description="Your administrator asks everybody for one.">
        <SecondFactorSetup onDone={() => void goOn()} />
      </AuthFrame>
    )
  }
  return (
    <AuthFrame title="Choose a password of your own" description="The one you signed in with was temporary, or its time is over.">
      <ChangePassword onDone={() => void goOn()} />
    </AuthFrame>
  )
}

function ChangePassword({ onDone }: { onDone: () => void }) {
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const change = useChangePassword(onDone)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (password === again) change.mutate({ current_password: current, password, password_confirmation: again })
      }}
    >
      <Stack gap="md">
        <PasswordInput
          label="Password so far" autoComplete="current-password" required withAsterisk={false} size="md" value={current}
          visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        <NewPasswordFields password={password} again={again} onPassword={setPassword} onAgain={setAgain} />
        {change.error ? <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(change.error)}</Alert> : null}
        <Button type="submit" size="md" fullWidth loading={change.isPending}>Change password</Button>
      </Stack>
    </form>
  )
}
