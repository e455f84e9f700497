import { Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { RenewedCredentials } from '../api/types'
import { currentUserQuery } from '../session/queries'
import { FormModal } from '../ui/FormModal'
import { SecretOnce } from '../ui/SecretOnce'
import { useRenewSecret } from './queries'

interface RenewSecretModalProps {
  opened: boolean
  /** Whether a key exists that stops working. */
  renewal: boolean
  onClose: () => void
}

/** Asks for the password, then shows the new key, once. */
export function RenewSecretModal({ opened, renewal, onClose }: RenewSecretModalProps) {
  const [password, setPassword] = useState('')
  const [otp, setOtp] = useState('')
  const { data: user } = useQuery(currentUserQuery)
  const renew = useRenewSecret()
  const close = () => {
    onClose()
    setPassword('')
    setOtp('')
    renew.reset()
  }
  if (renew.data) return <RenewedModal renewed={renew.data} onClose={close} />
  return (
    <FormModal
      title={renewal ? 'Renew the secret key' : 'Make a secret key'} opened={opened} onClose={close}
      submit={renewal ? 'Renew' : 'Make key'} busy={renew.isPending} error={renew.error}
      onSubmit={() => {
        if (password !== '') renew.mutate({ password, otp: user?.mfa_enabled ? otp.trim() : null })
      }}
    >
      {renewal ? (
        <Text size="sm">The current key stops working at once, everywhere it is used.</Text>
      ) : null}
      <PasswordInput
        label="Your password" autoComplete="current-password" required withAsterisk={false} data-autofocus value={password}
        visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {user?.mfa_enabled ? (
        <TextInput
          label="Code of your authenticator" autoComplete="one-time-code" inputMode="numeric" required withAsterisk={false}
          value={otp} onChange={(event) => setOtp(event.currentTarget.value)}
        />
      ) : null}
    </FormModal>
  )
}

function RenewedModal({ renewed, onClose }: { renewed: RenewedCredentials; onClose: () => void }) {
  return (
    <Modal title="Your new secret key" opened onClose={onClose} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <SecretOnce label="Secret key" value={renewed.secret} note="Bartizan keeps only a fingerprint of it. If you lose it, renew it again." />
        <Group justify="flex-end"><Button onClick={onClose}>I have copied it</Button></Group>
      </Stack>
    </Modal>
  )
}
