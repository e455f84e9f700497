/** Dialogs about one user: adding, changing, and taking the second factor away. */
import { PasswordInput, Select, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { ApiError } from '../../api/errors'
import type { User } from '../../api/types'
import { roleLabel, roles } from '../../domain/permissions'
import { FormModal } from '../../ui/FormModal'
import { useCreateUser, useEditUser, useResetFactor, type UserFields } from './queries'
import { accessRefusal } from './user'

const roleOptions = Object.entries(roles).map(([value, label]) => ({ value, label }))

/** Somebody who can work at once, with a password that is changed at the first sign-in. */
export function AddUserModal({ onClose }: { onClose: () => void }) {
  const [user, setUser] = useState({ realname: '', email: '', password: '', role: 'analytic' })
  const [tried, setTried] = useState(false)
  const create = useCreateUser(onClose)
  const taken = create.error instanceof ApiError && create.error.status === 409
  const missing = (text: string, message: string) => (tried && text.trim() === '' ? message : undefined)
  const submit = () => {
    setTried(true)
    if ([user.realname, user.email, user.password].every((text) => text.trim() !== '')) create.mutate(user)
  }
  return (
    <FormModal title="Add a user" opened onClose={onClose} onSubmit={submit} submit="Add user" busy={create.isPending} error={taken ? null : create.error}>
      <TextInput label="Full name" required autoComplete="off" data-autofocus maxLength={255} value={user.realname} error={missing(user.realname, 'A name is needed')} onChange={(event) => setUser({ ...user, realname: event.currentTarget.value })} />
      <TextInput
        label="Email" type="email" required autoComplete="off" maxLength={254} value={user.email}
        error={missing(user.email, 'An email address is needed') ?? (taken ? 'Somebody has this address already' : undefined)}
        onChange={(event) => setUser({ ...user, email: event.currentTarget.value })}
      />
      <PasswordInput
        label="First password" description="At least 8 characters with a digit, a small and a capital letter" required autoComplete="new-password"
        value={user.password} error={missing(user.password, 'A password is needed')} visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
        onChange={(event) => setUser({ ...user, password: event.currentTarget.value })}
      />
      <Select label="Role" allowDeselect={false} data={roleOptions} value={user.role} onChange={(role) => setUser({ ...user, role: role ?? 'analytic' })} />
    </FormModal>
  )
}

/** What is chosen for rights that are no role of the list: they stay. */
const KEPT = 'kept'

/** Changes name, address and role. Only what differs is sent. */
export function EditUserModal({ user, selfId, onClose }: { user: User; selfId: number | undefined; onClose: () => void }) {
  const stored = user.permissions.length === 1 && Object.hasOwn(roles, user.permissions[0] ?? '') ? (user.permissions[0] ?? KEPT) : KEPT
  const [realname, setRealname] = useState(user.realname)
  const [email, setEmail] = useState(user.email)
  const [role, setRole] = useState<string>(stored)
  const edit = useEditUser(onClose)
  const taken = edit.error instanceof ApiError && edit.error.status === 409
  const options = stored === KEPT ? [{ value: KEPT, label: roleLabel(user.permissions) }, ...roleOptions] : roleOptions
  const fixed = accessRefusal(user, selfId)
  const fields: UserFields = {
    ...(realname.trim() === user.realname ? {} : { realname: realname.trim() }),
    ...(email.trim() === user.email ? {} : { email: email.trim() }),
    ...(role === stored ? {} : { permissions: [role] }),
  }
  const submit = () => {
    if (realname.trim() === '' || email.trim() === '') return
    if (Object.keys(fields).length === 0) onClose()
    else edit.mutate({ user, fields })
  }
  return (
    <FormModal title={`Change ${user.realname}`} opened onClose={onClose} onSubmit={submit} submit="Save" busy={edit.isPending} error={taken ? null : edit.error}>
      <TextInput
        label="Full name" required maxLength={255} data-autofocus value={realname} error={realname.trim() === '' ? 'A name is needed' : undefined}
        onChange={(event) => setRealname(event.currentTarget.value)}
      />
      <TextInput
        label="Email" type="email" required maxLength={254} value={email} readOnly={user.sso_managed} description={user.sso_managed ? 'Managed by the identity provider' : undefined}
        error={email.trim() === '' ? 'An email address is needed' : taken ? 'Somebody has this address already' : undefined}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <Select
        label="Role" allowDeselect={false} description={fixed ?? 'Holds from the next request of every session and token'} readOnly={fixed !== undefined}
        data={options} value={role} onChange={(value) => setRole(value ?? stored)}
      />
    </FormModal>
  )
}

/** For somebody who lost the authenticator. */
export function ResetFactorModal({ user, onClose }: { user: User; onClose: () => void }) {
  const [password, setPassword] = useState('')
  const reset = useResetFactor(user, onClose)
  return (
    <FormModal
      title={`Turn the second factor of ${user.realname} off`} opened onClose={onClose} submit="Turn off" busy={reset.isPending} error={reset.error}
      onSubmit={() => reset.mutate(password)}
    >
      <Text size="sm">Be sure that it is this person who asks. The password alone gets in afterwards, until a second factor is set up again.</Text>
      <PasswordInput
        label="Your own password" autoComplete="current-password" required withAsterisk={false} data-autofocus value={password}
        visibilityToggleButtonProps={{ 'aria-label': 'Show password' }} onChange={(event) => setPassword(event.currentTarget.value)}
      />
    </FormModal>
  )
}
