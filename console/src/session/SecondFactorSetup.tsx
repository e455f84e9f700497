/** Sets the second factor up: a seed for the authenticator, its first code, the recovery codes. */
import { Alert, Button, Center, Code, PasswordInput, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import { useState } from 'react'
import { messageOf } from '../api/errors'
import { CopyField } from '../ui/CopyField'
import { useBeginFactor, useConfirmFactor } from './security'

export function SecondFactorSetup({ onDone }: { onDone: () => void }) {
  const begin = useBeginFactor()
  const confirm = useConfirmFactor()
  const [otp, setOtp] = useState('')
  const [password, setPassword] = useState('')
  const error = begin.error ?? confirm.error
  if (confirm.data) return <RecoveryCodes codes={confirm.data.recovery_codes} onDone={onDone} />
  if (!begin.data) {
    return (
      <Stack gap="md">
        <Text size="sm">You need an authenticator on your phone or in your password manager.</Text>
        {error ? <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(error)}</Alert> : null}
        <Button loading={begin.isPending} onClick={() => begin.mutate()}>Begin</Button>
      </Stack>
    )
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        confirm.mutate({ otp: otp.trim(), password })
      }}
    >
      <Stack gap="md">
        <Text size="sm">Scan this with your authenticator, or type the key into it.</Text>
        <Center>
          <img src={`data:image/svg+xml,${encodeURIComponent(begin.data.qr_svg)}`} alt="QR code for the authenticator" width={200} height={200} />
        </Center>
        <CopyField label="Key" value={begin.data.secret} />
        <TextInput
          label="Code it shows" autoComplete="one-time-code" inputMode="numeric" required withAsterisk={false}
          value={otp} onChange={(event) => setOtp(event.currentTarget.value)}
        />
        <PasswordInput
          label="Your password" autoComplete="current-password" required withAsterisk={false} value={password}
          visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {error ? <Alert icon={<IconAlertCircle />} color="red" role="alert">{messageOf(error)}</Alert> : null}
        <Button type="submit" loading={confirm.isPending}>Turn it on</Button>
      </Stack>
    </form>
  )
}

function RecoveryCodes({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  return (
    <Stack gap="md">
      <Text size="sm">
        Keep these codes where you find them without your phone. Each lets you in once. They are shown only now.
      </Text>
      <SimpleGrid cols={2} aria-label="Recovery codes" role="list">
        {codes.map((code) => <Code key={code} role="listitem">{code}</Code>)}
      </SimpleGrid>
      <Button onClick={onDone}>I have kept them</Button>
    </Stack>
  )
}
