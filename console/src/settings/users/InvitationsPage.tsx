import { Stack, Text } from '@mantine/core'
import { IconMail, IconMailForward, IconTrash, IconUserPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Invitation, InvitationLink, User } from '../../api/types'
import { nameOf } from '../../domain/people'
import { roleLabel } from '../../domain/permissions'
import { Permitted } from '../../session/Permitted'
import { useRefusal } from '../../session/queries'
import { DataTable, type Column } from '../../ui/DataTable'
import { confirmDanger } from '../../ui/feedback'
import { GuardedButton, IconButton } from '../../ui/GuardedButton'
import { EmptyState } from '../../ui/States'
import { Time } from '../../ui/Time'
import { usersQuery } from '../queries'
import { Section } from '../Section'
import { InviteModal, LinkModal } from './InviteModal'
import { PeopleTabs } from './PeopleTabs'
import { invitationsQuery, useInviteAgain, useResendInvitation, useRevokeInvitation } from './queries'

const columnsWith = (people: readonly User[] | undefined): readonly Column<Invitation>[] => [
  {
    id: 'email', header: 'Email', value: ({ email }) => email, minWidth: 200,
    cell: ({ email, realname }) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{email}</Text>
        {realname === '' ? null : <Text span size="xs" c="dimmed">{realname}</Text>}
      </Stack>
    ),
  },
  { id: 'role', header: 'Role', value: ({ permissions }) => roleLabel(permissions) },
  // 0 is the cloud itself or a shared token.
  { id: 'create_by', header: 'Invited by', value: ({ create_by: by }) => (by === 0 ? 'Program' : nameOf(people, by)) },
  { id: 'created_at', header: 'Invited', value: ({ created_at: at }) => at, cell: ({ created_at: at }) => <Time at={at} /> },
  { id: 'expires_at', header: 'Link ends', value: ({ expires_at: at }) => at, cell: ({ expires_at: at }) => <Time at={at} /> },
]

/** Links that nobody has followed yet. */
export function InvitationsPage() {
  const refusal = useRefusal()
  const [inviting, setInviting] = useState(false)
  return (
    <Section
      title="Invitations"
      description="Links that wait for somebody. Who follows one becomes a user, and it is gone from here."
      actions={<GuardedButton leftSection={<IconUserPlus size={17} />} refusal={refusal('create_user')} onClick={() => setInviting(true)}>Invite</GuardedButton>}
    >
      <Permitted permission="create_user">
        <PeopleTabs current="invitations" />
        <InvitationTable onInvite={() => setInviting(true)} />
      </Permitted>
      {inviting ? <InviteModal onClose={() => setInviting(false)} /> : null}
    </Section>
  )
}

function InvitationTable({ onInvite }: { onInvite: () => void }) {
  const search = useSearch({ from: '/signed-in/settings/users/invitations' })
  const navigate = useNavigate({ from: '/settings/users/invitations' })
  const refusal = useRefusal()
  const { data, error, refetch } = useQuery(invitationsQuery)
  const { data: people } = useQuery(usersQuery)
  const columns = useMemo(() => columnsWith(people), [people])
  const [shown, setShown] = useState<{ email: string; link: InvitationLink }>()
  const revoke = useRevokeInvitation()
  const again = useInviteAgain()
  const resend = useResendInvitation()
  const renew = (invitation: Invitation) => {
    const { email, user_id: userId } = invitation
    const show = { onSuccess: (link: InvitationLink) => setShown({ email, link }) }
    // Who was added beforehand has a user already, which takes the link.
    if (typeof userId === 'number') resend.mutate(userId, show)
    else again.mutate(invitation, show)
  }
  return (
    <>
      <DataTable
        label="Invitations"
        columns={columns}
        rows={data}
        rowKey={({ id }) => String(id)}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: next, replace: true })}
        defaultSort="-created_at"
        searchPlaceholder="Find an invitation"
        empty={
          <EmptyState title="No open invitations" icon={<IconMail />} action={<GuardedButton variant="light" refusal={refusal('create_user')} onClick={onInvite}>Invite a person</GuardedButton>}>
            An invitation is a link that works once.
          </EmptyState>
        }
        actions={(invitation) => (
          <>
            <IconButton
              label={`Invite ${invitation.email} again`} icon={<IconMailForward size={17} />} refusal={refusal('create_user')}
              onClick={() => confirmDanger({
                title: `Invite ${invitation.email} again?`,
                text: 'The link so far is void. The new one goes out by email; where no mail server is set up it is shown to you.',
                confirm: 'Make a new link',
                onConfirm: () => renew(invitation),
              })}
            />
            <IconButton
              label={`Revoke the invitation of ${invitation.email}`} danger icon={<IconTrash size={17} />} refusal={refusal('create_user')}
              onClick={() => confirmDanger({
                title: `Revoke the invitation of ${invitation.email}?`,
                text: 'Its link is void at once.',
                confirm: 'Revoke invitation',
                onConfirm: () => revoke.mutate(invitation),
              })}
            />
          </>
        )}
      />
      {shown ? <LinkModal {...shown} onClose={() => setShown(undefined)} /> : null}
    </>
  )
}
