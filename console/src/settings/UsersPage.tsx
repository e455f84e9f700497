import { Badge, PasswordInput, Select, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus, IconTrash, IconUserCheck, IconUserOff, IconUsers } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { User } from '../api/types'
import { roleLabel, roles } from '../domain/permissions'
import { currentUserQuery, useRefusal } from '../session/queries'
import { DataTable, type Column } from '../ui/DataTable'
import { confirmDanger } from '../ui/feedback'
import { FormModal } from '../ui/FormModal'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { EmptyState } from '../ui/States'
import { Time } from '../ui/Time'
import { useCreateUser, useDeleteUser, useEnableUser, usersQuery } from './queries'
import { Section } from './Section'

const columns: readonly Column<User>[] = [
  {
    id: 'realname', header: 'Name', value: (user) => user.realname, minWidth: 180,
    cell: (user) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{user.realname}</Text>
        <Text span size="xs" c="dimmed">{user.email}</Text>
      </Stack>
    ),
  },
  { id: 'email', header: 'Email', value: (user) => user.email },
  { id: 'role', header: 'Role', value: (user) => roleLabel(user.permissions) },
  {
    id: 'enabled', header: 'State', value: (user) => (user.enabled ? 'Active' : 'Inactive'),
    cell: (user) => <Badge variant="dot" color={user.enabled ? 'teal' : 'gray'}>{user.enabled ? 'Active' : 'Inactive'}</Badge>,
  },
  { id: 'last_login_time', header: 'Last sign-in', value: (user) => user.last_login_time, cell: (user) => <Time at={user.last_login_time} /> },
]

export function UsersPage() {
  const search = useSearch({ from: '/signed-in/settings/users' })
  const navigate = useNavigate({ from: '/settings/users' })
  const refusal = useRefusal()
  const { data: me } = useQuery(currentUserQuery)
  const [adding, { open, close }] = useDisclosure()
  const { data, error, refetch } = useQuery(usersQuery)
  const remove = useDeleteUser()
  const enable = useEnableUser()
  const self = (user: User) => (user.id === me?.id ? 'You cannot change your own access' : undefined)
  return (
    <Section
      title="Users"
      description="People of your company and what each may do here."
      actions={<GuardedButton leftSection={<IconPlus size={17} />} refusal={refusal('create_user')} onClick={open}>Add user</GuardedButton>}
    >
      <DataTable
        label="Users"
        columns={columns}
        rows={data}
        rowKey={(user) => String(user.id)}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: next, replace: true })}
        defaultSort="realname"
        searchPlaceholder="Find a person"
        empty={<EmptyState title="Nobody here" icon={<IconUsers />}>Add the people who work with Bartizan.</EmptyState>}
        actions={(user) => (
          <>
            <IconButton
              label={`${user.enabled ? 'Disable' : 'Enable'} ${user.realname}`}
              icon={user.enabled ? <IconUserOff size={17} /> : <IconUserCheck size={17} />}
              refusal={self(user) ?? refusal('update_user')}
              onClick={() => enable.mutate({ user, enabled: !user.enabled })}
            />
            <IconButton
              label={`Delete ${user.realname}`} danger icon={<IconTrash size={17} />} refusal={self(user) ?? refusal('delete_user')}
              onClick={() => confirmDanger({
                title: `Delete ${user.realname}?`,
                text: 'The account and its personal tokens are deleted for good. What this person created stays.',
                confirm: 'Delete user',
                onConfirm: () => remove.mutate(user),
              })}
            />
          </>
        )}
      />
      {adding ? <AddUserModal onClose={close} /> : null}
    </Section>
  )
}

function AddUserModal({ onClose }: { onClose: () => void }) {
  const [user, setUser] = useState({ realname: '', email: '', password: '', role: 'analytic' })
  const [tried, setTried] = useState(false)
  const create = useCreateUser(onClose)
  const missing = (text: string, message: string) => (tried && text.trim() === '' ? message : undefined)
  const submit = () => {
    setTried(true)
    if ([user.realname, user.email, user.password].every((text) => text.trim() !== '')) create.mutate(user)
  }
  return (
    <FormModal title="Add a user" opened onClose={onClose} onSubmit={submit} submit="Add user" busy={create.isPending} error={create.error}>
      <TextInput label="Full name" required autoComplete="off" data-autofocus value={user.realname} error={missing(user.realname, 'A name is needed')} onChange={(event) => setUser({ ...user, realname: event.currentTarget.value })} />
      <TextInput label="Email" type="email" required autoComplete="off" value={user.email} error={missing(user.email, 'An email address is needed')} onChange={(event) => setUser({ ...user, email: event.currentTarget.value })} />
      <PasswordInput
        label="First password" description="At least 8 characters with a digit, a small and a capital letter" required autoComplete="new-password"
        value={user.password} error={missing(user.password, 'A password is needed')} visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
        onChange={(event) => setUser({ ...user, password: event.currentTarget.value })}
      />
      <Select label="Role" data={Object.entries(roles).map(([value, label]) => ({ value, label }))} value={user.role} onChange={(role) => setUser({ ...user, role: role ?? 'analytic' })} />
    </FormModal>
  )
}
