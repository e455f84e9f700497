import { Button, Group, Modal, Select, Stack, Switch, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { ApiError } from '../../api/errors'
import type { InvitationLink } from '../../api/types'
import { roles } from '../../domain/permissions'
import { FormModal } from '../../ui/FormModal'
import { SecretOnce } from '../../ui/SecretOnce'
import { Time } from '../../ui/Time'
import { useInvite } from './queries'

const lifetimes = [
  { value: 'day', label: 'One day' },
  { value: 'week', label: 'One week' },
  { value: 'month', label: 'One month' },
] as const

type Lifetime = (typeof lifetimes)[number]['value']

/** Invites somebody who chooses name and password behind a link. */
export function InviteModal({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState('')
  const [realname, setRealname] = useState('')
  const [role, setRole] = useState('analytic')
  const [lifetime, setLifetime] = useState<Lifetime>('week')
  const [send, setSend] = useState(false)
  const [tried, setTried] = useState(false)
  const invite = useInvite()
  if (invite.data) return <LinkModal email={email.trim()} link={invite.data} onClose={onClose} />
  const taken = invite.error instanceof ApiError && invite.error.status === 409
  const missing = tried && email.trim() === '' ? 'An email address is needed' : undefined
  const submit = () => {
    setTried(true)
    if (email.trim() !== '') invite.mutate({ email: email.trim(), realname: realname.trim(), permissions: [role], ttl: lifetime, send })
  }
  return (
    <FormModal title="Invite a person" opened onClose={onClose} onSubmit={submit} submit={send ? 'Send the link' : 'Make the link'} busy={invite.isPending} error={taken ? null : invite.error}>
      <TextInput
        label="Email" type="email" required autoComplete="off" data-autofocus maxLength={254} value={email}
        error={missing ?? (taken ? 'Somebody has this address already' : undefined)} onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <TextInput
        label="Full name" description="Left empty, the person says it" autoComplete="off" maxLength={255} value={realname}
        onChange={(event) => setRealname(event.currentTarget.value)}
      />
      <Select label="Role" allowDeselect={false} data={Object.entries(roles).map(([value, label]) => ({ value, label }))} value={role} onChange={(value) => setRole(value ?? 'analytic')} />
      <Select
        label="The link works for" allowDeselect={false} data={[...lifetimes]} value={lifetime}
        onChange={(value) => setLifetime(lifetimes.find((known) => known.value === value)?.value ?? 'week')}
      />
      <Switch
        label="Send it by email" description="Then it is not shown here, and who accepts it has proven the address. Without a mail server it is shown all the same."
        checked={send} onChange={(event) => setSend(event.currentTarget.checked)}
      />
    </FormModal>
  )
}

/** The link of an invitation, at the only moment it can be seen; or that it went out by letter. */
export function LinkModal({ email, link, onClose }: { email: string; link: InvitationLink; onClose: () => void }) {
  return (
    <Modal title={`Invitation of ${email}`} opened onClose={onClose} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        {link.url ? (
          <SecretOnce label="Link" value={link.url} note="Hand it to this person only: whoever opens it first chooses the password. It works once." />
        ) : (
          <Text role="status">A letter with the link is on its way to {email}. Nobody else sees the link.</Text>
        )}
        <Text size="sm" c="dimmed">It ends <Time at={link.expires_at} />.</Text>
        <Group justify="flex-end"><Button onClick={onClose}>{link.url ? 'I have copied it' : 'Close'}</Button></Group>
      </Stack>
    </Modal>
  )
}
