import { Badge, Group, Text } from '@mantine/core'
import { IconKey, IconKeyOff, IconLogin2, IconMailForward, IconPencil, IconPlus, IconShieldOff, IconTrash, IconUserCheck, IconUserOff, IconUserPlus, IconUsers } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { InvitationLink, User } from '../../api/types'
import { roleLabel } from '../../domain/permissions'
import { Permitted } from '../../session/Permitted'
import { currentUserQuery, useRefusal } from '../../session/queries'
import { ActionMenu, type Action } from '../../ui/ActionMenu'
import { DataTable, type Column } from '../../ui/DataTable'
import { confirmDanger } from '../../ui/feedback'
import { FilterSelect } from '../../ui/FilterSelect'
import { GuardedButton } from '../../ui/GuardedButton'
import { EmptyState } from '../../ui/States'
import { Time } from '../../ui/Time'
import { usersQuery } from '../queries'
import { Section } from '../Section'
import { ssoQuery } from '../sso/queries'
import { InviteModal, LinkModal } from './InviteModal'
import { PeopleTabs } from './PeopleTabs'
import { useDeleteUser, useResendInvitation, useSwitchUser } from './queries'
import {
  accessRefusal, apiAccessRefusal, bySso, factorLabel, factorResetRefusal, hasApiAccess, isUserState, methodLabel, ssoSwitchRefusal, stateOf, userStates,
} from './user'
import { AddUserModal, EditUserModal, ResetFactorModal } from './UserModals'

const stateColors = { active: 'teal', invited: 'yellow', inactive: 'gray' } as const

const columns: readonly Column<User>[] = [
  {
    id: 'realname', header: 'Name', value: (user) => user.realname, minWidth: 180,
    cell: (user) => <Text span inherit fw={600}>{user.realname}</Text>,
  },
  { id: 'email', header: 'Email', value: (user) => user.email, minWidth: 180 },
  { id: 'role', header: 'Role', value: (user) => roleLabel(user.permissions) },
  {
    id: 'state', header: 'State', value: (user) => userStates[stateOf(user)],
    cell: (user) => <Badge variant="dot" color={stateColors[stateOf(user)]}>{userStates[stateOf(user)]}</Badge>,
  },
  { id: 'method', header: 'Signs in by', value: methodLabel },
  { id: 'mfa', header: 'Second factor', value: factorLabel, cell: (user) => <Text span inherit c={user.mfa_enabled ? '' : 'dimmed'}>{factorLabel(user)}</Text> },
  { id: 'last_login_time', header: 'Last sign-in', value: (user) => user.last_login_time, cell: (user) => <Time at={user.last_login_time} /> },
]

const stateOptions = Object.entries(userStates).map(([value, label]) => ({ value, label }))

type Dialog =
  | { kind: 'add' | 'invite' }
  | { kind: 'edit' | 'factor'; user: User }
  | { kind: 'link'; email: string; link: InvitationLink }

export function UsersPage() {
  const refusal = useRefusal()
  const [dialog, setDialog] = useState<Dialog>()
  const close = () => setDialog(undefined)
  const { data: me } = useQuery(currentUserQuery)
  return (
    <Section
      title="Users"
      description="People of your company and what each may do here."
      actions={
        <Group gap="xs">
          <GuardedButton variant="default" leftSection={<IconPlus size={17} />} refusal={refusal('create_user')} onClick={() => setDialog({ kind: 'add' })}>Add user</GuardedButton>
          <GuardedButton leftSection={<IconUserPlus size={17} />} refusal={refusal('create_user')} onClick={() => setDialog({ kind: 'invite' })}>Invite</GuardedButton>
        </Group>
      }
    >
      <Permitted permission="view_user">
        <PeopleTabs current="people" />
        <UserTable onDialog={setDialog} />
      </Permitted>
      {dialog?.kind === 'add' ? <AddUserModal onClose={close} /> : null}
      {dialog?.kind === 'invite' ? <InviteModal onClose={close} /> : null}
      {dialog?.kind === 'edit' ? <EditUserModal user={dialog.user} selfId={me?.id} onClose={close} /> : null}
      {dialog?.kind === 'factor' ? <ResetFactorModal user={dialog.user} onClose={close} /> : null}
      {dialog?.kind === 'link' ? <LinkModal email={dialog.email} link={dialog.link} onClose={close} /> : null}
    </Section>
  )
}

function UserTable({ onDialog }: { onDialog: (dialog: Dialog) => void }) {
  const search = useSearch({ from: '/signed-in/settings/users' })
  const navigate = useNavigate({ from: '/settings/users' })
  const { data, error, refetch } = useQuery(usersQuery)
  const actionsOf = useUserActions(onDialog)
  const rows = useMemo(
    () => data?.filter((user) => (search.role === undefined || user.permissions[0] === search.role) && (search.state === undefined || stateOf(user) === search.state)),
    [data, search.role, search.state],
  )
  const held = [...new Set((data ?? []).flatMap((user) => user.permissions.slice(0, 1)))].filter((role) => !role.startsWith('view_'))
  return (
    <DataTable
      label="Users"
      columns={columns}
      rows={rows}
      rowKey={(user) => String(user.id)}
      error={error}
      onRetry={() => void refetch()}
      state={search}
      onStateChange={(next) => void navigate({ search: { ...search, ...next }, replace: true })}
      defaultSort="realname"
      searchPlaceholder="Find a person"
      filtered={search.role !== undefined || search.state !== undefined}
      filters={
        <>
          <FilterSelect
            label="Role" placeholder="Any role" width={170}
            data={held.map((role) => ({ value: role, label: roleLabel([role]) }))} value={search.role}
            onChange={(role) => void navigate({ search: { ...search, page: undefined, role } })}
          />
          <FilterSelect
            label="State" placeholder="Any state" width={130} data={stateOptions} value={search.state}
            onChange={(state) => void navigate({ search: { ...search, page: undefined, state: isUserState(state) ? state : undefined } })}
          />
        </>
      }
      empty={<EmptyState title="Nobody here" icon={<IconUsers />}>Invite the people who work with Bartizan.</EmptyState>}
      actions={(user) => <ActionMenu label={`Actions for ${user.realname}`} actions={actionsOf(user)} />}
    />
  )
}

/** What can be done with a user, and why it cannot. */
function useUserActions(onDialog: (dialog: Dialog) => void): (user: User) => Action[] {
  const refusal = useRefusal()
  const { data: me } = useQuery(currentUserQuery)
  const { data: sso } = useQuery({ ...ssoQuery, enabled: refusal('view_sso') === undefined })
  const flip = useSwitchUser()
  const remove = useDeleteUser()
  const resend = useResendInvitation()
  return (user) => {
    const fixed = accessRefusal(user, me?.id)
    const [sign, tokens] = [bySso(user), hasApiAccess(user)]
    const may = refusal('update_user')
    const invited: Action[] = stateOf(user) !== 'invited' ? [] : [{
      label: 'New invitation link', icon: <IconMailForward size={17} />, refusal: may,
      onClick: () => resend.mutate(user.id, { onSuccess: (link) => onDialog({ kind: 'link', email: user.email, link }) }),
    }]
    return [
      { label: 'Change', icon: <IconPencil size={17} />, refusal: may, onClick: () => onDialog({ kind: 'edit', user }) },
      ...invited,
      {
        label: 'Turn second factor off', icon: <IconShieldOff size={17} />, refusal: may ?? factorResetRefusal(user, me?.id),
        onClick: () => onDialog({ kind: 'factor', user }),
      },
      {
        label: sign ? 'Sign in by password again' : 'Sign in by single sign-on', icon: <IconLogin2 size={17} />, refusal: may ?? ssoSwitchRefusal(user, sso),
        onClick: () => confirmDanger({
          title: sign ? `Let ${user.realname} sign in by password?` : `Let ${user.realname} sign in by single sign-on?`,
          text: sign
            ? 'The provider signs this person in no longer. A password must be chosen by a link of “Forgot your password?”, or be set by you.'
            : 'Sessions end. Password, second factor, UUID and secret, and personal API tokens stop working.',
          confirm: 'Switch',
          onConfirm: () => flip.mutate({ user, change: 'sso', to: !sign }),
        }),
      },
      {
        label: tokens ? 'End API access' : 'Allow API tokens', icon: tokens ? <IconKeyOff size={17} /> : <IconKey size={17} />, refusal: may ?? apiAccessRefusal(user, sso),
        onClick: () => flip.mutate({ user, change: 'api_access', to: !tokens }),
      },
      {
        label: user.enabled ? 'Disable' : 'Enable', icon: user.enabled ? <IconUserOff size={17} /> : <IconUserCheck size={17} />, refusal: may ?? fixed,
        onClick: () => flip.mutate({ user, change: 'enabled', to: !user.enabled }),
      },
      {
        label: 'Delete', icon: <IconTrash size={17} />, danger: true, refusal: refusal('delete_user') ?? fixed,
        onClick: () => confirmDanger({
          title: `Delete ${user.realname}?`,
          text: 'The account and its personal tokens are deleted for good. What this person created stays.',
          confirm: 'Delete user',
          onConfirm: () => remove.mutate(user),
        }),
      },
    ]
  }
}
