import { Button, Card, Group, PasswordInput, Select, Stack, Switch, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { currentUserQuery, useRefusal } from '../../session/queries'
import { FormModal } from '../../ui/FormModal'
import { GuardedButton } from '../../ui/GuardedButton'
import { usersQuery } from '../queries'
import { useSsoChange, type Sso } from './queries'

interface Options {
  provisioning: boolean
  strict: boolean
  fallback_user_id: number | null
}

/** What single sign-on means for users: who must use it, where they come from, and who gets in all the same. */
export function OptionsCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const { data: users } = useQuery(usersQuery)
  const [options, setOptions] = useState<Options>({ provisioning: sso.provisioning, strict: sso.strict, fallback_user_id: sso.fallback_user_id ?? null })
  const [confirming, setConfirming] = useState(false)
  const changed = options.provisioning !== sso.provisioning || options.strict !== sso.strict || options.fallback_user_id !== (sso.fallback_user_id ?? null)
  const fitting = (users ?? []).filter((user) => user.enabled && user.mfa_enabled && user.permissions.some((role) => role.includes('admin')))
  const names = fitting.map((user) => ({ value: String(user.id), label: `${user.realname} (${user.email})` }))
  return (
    <Card p="lg">
      <Stack gap="md">
        <Text fw={600}>Users</Text>
        <Switch
          label="The provider is the source of users" description="People appear at their first sign-in; their role follows their groups at each one."
          checked={options.provisioning} onChange={(event) => setOptions({ ...options, provisioning: event.currentTarget.checked })}
        />
        <Switch
          label="Everybody must use it" description="Passwords, UUID and secret stop working, except for the fallback account."
          checked={options.strict} onChange={(event) => setOptions({ ...options, strict: event.currentTarget.checked })}
        />
        <Select
          label="Fallback account" description="An administrator with password and second factor, for when the provider fails." placeholder="None"
          nothingFoundMessage="No administrator has a second factor" data={names}
          value={options.fallback_user_id === null ? null : String(options.fallback_user_id)}
          onChange={(id) => setOptions({ ...options, fallback_user_id: id === null ? null : Number(id) })}
        />
        <Group justify="flex-end">
          {changed ? (
            <Button variant="subtle" size="xs" onClick={() => setOptions({ provisioning: sso.provisioning, strict: sso.strict, fallback_user_id: sso.fallback_user_id ?? null })}>Reset</Button>
          ) : null}
          <GuardedButton size="xs" refusal={changed ? refusal('update_sso') : 'Nothing was changed'} onClick={() => setConfirming(true)}>Save options</GuardedButton>
        </Group>
        <ConfirmModal options={options} opened={confirming} onClose={() => setConfirming(false)} />
      </Stack>
    </Card>
  )
}

/** Asks for the password, whose proof the change needs. The changed options draw the card anew, without the dialog. */
function ConfirmModal({ options, opened, onClose }: { options: Options; opened: boolean; onClose: () => void }) {
  const [password, setPassword] = useState('')
  const [otp, setOtp] = useState('')
  const { data: user } = useQuery(currentUserQuery)
  const save = useSsoChange(async () => {
    const proof = await bodyOf(api.POST('/v1/session/reauth', { body: { password, otp: user?.mfa_enabled ? otp.trim() : null } }))
    return bodyOf(api.PUT('/v1/sso', { params: { header: { 'X-Reauth': proof.ticket } }, body: options }))
  }, 'Options saved')
  const close = () => {
    onClose()
    setPassword('')
    setOtp('')
    save.reset()
  }
  return (
    <FormModal title="Change how people sign in" opened={opened} onClose={close} submit="Change" busy={save.isPending} error={save.error} onSubmit={() => save.mutate(undefined)}>
      <PasswordInput
        label="Your password" autoComplete="current-password" required withAsterisk={false} data-autofocus value={password}
        visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setPassword(event.currentTarget.value)}
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
