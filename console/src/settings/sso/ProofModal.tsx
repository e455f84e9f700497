import { PasswordInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { api, bodyOf } from '../../api/client'
import { currentUserQuery } from '../../session/queries'
import { FormModal } from '../../ui/FormModal'

interface ProofModalProps {
  title: string
  submit: string
  opened: boolean
  onClose: () => void
  /** What is done with the proof of the password. */
  action: (proof: string) => Promise<unknown>
  children?: ReactNode
}

/** Asks for the password, whose proof a change needs. Users of an identity provider prove by having signed in lately. */
export function ProofModal({ title, submit, opened, onClose, action, children }: ProofModalProps) {
  const [password, setPassword] = useState('')
  const [otp, setOtp] = useState('')
  const { data: user } = useQuery(currentUserQuery)
  const byPassword = user?.available_authentications.includes('default') ?? true
  const change = useMutation({
    mutationFn: async () => {
      const body = { password, otp: user?.mfa_enabled ? otp.trim() : null }
      const { ticket } = await bodyOf(api.POST('/v1/session/reauth', { body }))
      return action(ticket)
    },
    onSuccess: () => close(),
  })
  const close = () => {
    onClose()
    setPassword('')
    setOtp('')
    change.reset()
  }
  return (
    <FormModal title={title} opened={opened} onClose={close} submit={submit} busy={change.isPending} error={change.error} onSubmit={() => change.mutate()}>
      {children}
      {byPassword ? (
        <PasswordInput
          label="Your password" autoComplete="current-password" required withAsterisk={false} data-autofocus value={password}
          visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setPassword(event.currentTarget.value)}
        />
      ) : <Text size="sm">This needs a sign-in at your provider within the last 15 minutes.</Text>}
      {byPassword && user?.mfa_enabled ? (
        <TextInput
          label="Code of your authenticator" autoComplete="one-time-code" inputMode="numeric" required withAsterisk={false}
          value={otp} onChange={(event) => setOtp(event.currentTarget.value)}
        />
      ) : null}
    </FormModal>
  )
}
