import { PasswordInput } from '@mantine/core'
import { useState } from 'react'
import { useChangePassword } from '../session/security'
import { succeeded } from '../ui/feedback'
import { FormModal } from '../ui/FormModal'

/** Changes the own password; other sessions end. */
export function ChangePasswordModal({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const change = useChangePassword(() => {
    succeeded('Password changed')
    onClose()
  })
  const differs = again !== '' && again !== password
  return (
    <FormModal
      title="Change your password" opened onClose={onClose} submit="Change password" busy={change.isPending} error={change.error}
      onSubmit={() => {
        if (!differs) change.mutate({ current_password: current, password, password_confirmation: again })
      }}
    >
      <PasswordInput
        label="Password so far" autoComplete="current-password" required withAsterisk={false} data-autofocus value={current}
        visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      <PasswordInput
        label="New password" autoComplete="new-password" required withAsterisk={false} value={password}
        visibilityToggleButtonProps={{ 'aria-label': 'Show new password' }} onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <PasswordInput
        label="The same again" autoComplete="new-password" required withAsterisk={false} value={again}
        error={differs ? 'The passwords differ' : null}
        visibilityToggleButtonProps={{ 'aria-label': 'Show the repeated password' }} onChange={(event) => setAgain(event.currentTarget.value)}
      />
    </FormModal>
  )
}
