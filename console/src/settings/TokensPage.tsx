import { Badge, Button, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconBan, IconKey, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { ApiToken, User } from '../api/types'
import { ownerOf } from '../domain/people'
import { roleLabel } from '../domain/permissions'
import { nowSeconds } from '../domain/time'
import { useRefusal } from '../session/queries'
import { DataTable, type Column } from '../ui/DataTable'
import { confirmDanger } from '../ui/feedback'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { EmptyState } from '../ui/States'
import { Time } from '../ui/Time'
import { CreateTokenModal } from './CreateTokenModal'
import { tokensQuery, useDeleteToken, useDisableToken, usersQuery } from './queries'
import { Section } from './Section'

const usages: Record<string, string> = { api: 'API calls', node: 'Node deployment' }

function tokenState(token: ApiToken): 'Active' | 'Disabled' | 'Expired' {
  if (token.expires_at && token.expires_at <= nowSeconds()) return 'Expired'
  return token.enabled ? 'Active' : 'Disabled'
}

/** UUID and secret of the user in token form: it has the rights of the user, and nothing of it can be set. */
const isSecret = (token: ApiToken) => token.kind === 'backward_compatible'

const columnsWith = (people: readonly User[] | undefined): readonly Column<ApiToken>[] => [
  {
    id: 'name', header: 'Name', value: (token) => token.name, minWidth: 130,
    cell: (token) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{token.name}</Text>
        <Text span size="xs" c="dimmed" className="mono">{token.token_masked}</Text>
      </Stack>
    ),
  },
  {
    id: 'owner', header: 'Owner', minWidth: 140,
    // The address is part of it, so that it is found and exported.
    value: (token) => {
      const { name, email } = ownerOf(people, token)
      return email === undefined ? name : `${name} <${email}>`
    },
    cell: (token) => <Owner {...ownerOf(people, token)} />,
  },
  { id: 'usage', header: 'Use', value: (token) => usages[token.usage] ?? token.usage },
  { id: 'role', header: 'Rights', value: (token) => (isSecret(token) ? 'Those of the user' : roleLabel(token.permissions)) },
  {
    id: 'state', header: 'State', value: tokenState,
    cell: (token) => <Badge variant="dot" color={tokenState(token) === 'Active' ? 'teal' : 'gray'}>{tokenState(token)}</Badge>,
  },
  { id: 'expires_at', header: 'Expires', value: (token) => token.expires_at, cell: (token) => <Time at={token.expires_at} /> },
  { id: 'last_used_at', header: 'Last used', value: (token) => token.last_used_at, cell: (token) => <Time at={token.last_used_at} /> },
  {
    id: 'last_used_ip', header: 'From', value: (token) => token.last_used_ip,
    cell: (token) => <Text span inherit className="mono" c={token.last_used_ip ? '' : 'dimmed'}>{token.last_used_ip ?? '–'}</Text>,
  },
  { id: 'created_at', header: 'Created', value: (token) => token.created_at, cell: (token) => <Time at={token.created_at} /> },
]

function Owner({ name, email }: { name: string; email?: string }) {
  return (
    <Stack gap={0}>
      <Text span inherit>{name}</Text>
      {email === undefined ? null : <Text span size="xs" c="dimmed">{email}</Text>}
    </Stack>
  )
}

export function TokensPage() {
  const search = useSearch({ from: '/signed-in/settings/api-tokens' })
  const navigate = useNavigate({ from: '/settings/api-tokens' })
  const refusal = useRefusal()
  const [creating, { open, close }] = useDisclosure()
  const { data, error, refetch } = useQuery(tokensQuery)
  const { data: people } = useQuery(usersQuery)
  const columns = useMemo(() => columnsWith(people), [people])
  const remove = useDeleteToken()
  const disable = useDisableToken()
  return (
    <Section
      title="API tokens"
      description="Keys for scripts, integrations and nodes. Each has its own rights and can be ended alone."
      actions={<GuardedButton leftSection={<IconPlus size={17} />} refusal={refusal('create_api_token')} onClick={open}>Create token</GuardedButton>}
    >
      <DataTable
        label="API tokens"
        columns={columns}
        rows={data}
        rowKey={(token) => String(token.id)}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: next, replace: true })}
        defaultSort="-created_at"
        searchPlaceholder="Find a token"
        empty={
          <EmptyState title="No tokens yet" icon={<IconKey />} action={<Button variant="light" onClick={open} disabled={refusal('create_api_token') !== undefined}>Create a token</Button>}>
            A token lets a program call the API with rights that you choose.
          </EmptyState>
        }
        actions={(token) => (
          <>
            {token.enabled && !isSecret(token) ? (
              <IconButton
                label={`Disable ${token.name}`} icon={<IconBan size={17} />} refusal={refusal('update_api_token')}
                onClick={() => confirmDanger({
                  title: `Disable ${token.name}?`,
                  text: 'Calls with it are refused from now on. A disabled token is deleted after a week.',
                  confirm: 'Disable token',
                  onConfirm: () => disable.mutate(token),
                })}
              />
            ) : null}
            <IconButton
              label={`Delete ${token.name}`} danger icon={<IconTrash size={17} />} refusal={refusal('delete_api_token')}
              onClick={() => confirmDanger({
                title: `Delete ${token.name}?`,
                text: 'Programs that use it are refused at once.',
                confirm: 'Delete token',
                onConfirm: () => remove.mutate(token),
              })}
            />
          </>
        )}
      />
      {creating ? <CreateTokenModal onClose={close} /> : null}
    </Section>
  )
}
