import { Alert, Button, Tabs, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconInfoCircle, IconListCheck, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { IpRule } from '../api/types'
import { neverExpires } from '../domain/time'
import { visibleText } from '../domain/visibleText'
import { useRefusal } from '../session/queries'
import { DataTable, type Column } from '../ui/DataTable'
import { confirmDanger } from '../ui/feedback'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { Page } from '../ui/Page'
import { EmptyState } from '../ui/States'
import { Time } from '../ui/Time'
import { AddEntriesModal } from './AddEntriesModal'
import { MOST_ENTRIES, ipRulesQuery, useRemoveEntry } from './queries'
import { isListName, lists, type ListName } from './search'

/** What the entry is about: an address, a subnet, or the values of a source group. */
function source(entry: IpRule): string {
  if (entry.subnet) return entry.subnet.replace(/\/32$/, '').replace(/\/128$/, '')
  return (entry.source_values ?? []).join(', ')
}

function applications(pools: readonly number[]): string {
  if (pools.length === 0 || pools.includes(0)) return 'All'
  return pools.map((id) => (id === -1 ? 'Default' : `#${id}`)).join(', ')
}

const columns: readonly Column<IpRule>[] = [
  { id: 'source', header: 'Source', value: source, minWidth: 180, cell: (entry) => <Text span inherit className="mono" fw={600}>{source(entry)}</Text> },
  { id: 'pools', header: 'Applications', value: (entry) => applications(entry.pools) },
  { id: 'reason', header: 'Reason', value: (entry) => entry.reason, minWidth: 180, cell: (entry) => visibleText(entry.reason) || <Text span inherit c="dimmed">–</Text> },
  { id: 'author', header: 'Added by', value: (entry) => entry.author },
  { id: 'created_at', header: 'Added', value: (entry) => entry.created_at, cell: (entry) => <Time at={entry.created_at} /> },
  {
    id: 'expired_at', header: 'Expires', value: (entry) => entry.expired_at,
    cell: (entry) => (neverExpires(entry.expired_at) ? 'Never' : <Time at={entry.expired_at} />),
  },
]

export function IpListsPage() {
  const search = useSearch({ from: '/signed-in/ip-lists' })
  const navigate = useNavigate({ from: '/ip-lists' })
  const refusal = useRefusal()
  const list: ListName = search.list ?? 'black'
  const { label, help, permission } = lists[list]
  const [adding, { open, close }] = useDisclosure()
  const all = useQuery(ipRulesQuery(list))
  const words = search.q ?? ''
  // Too many for this page: the API searches in all of them.
  const asksApi = all.data?.cut === true && words !== ''
  const found = useQuery({ ...ipRulesQuery(list, words), enabled: asksApi })
  const { data, error, refetch } = asksApi ? found : all
  const remove = useRemoveEntry()
  const mayAdd = refusal(`create_${permission}`)
  return (
    <Page
      title="IP lists"
      description="Sources that nodes always pass, always refuse, or watch closely. The allowlist wins over the denylist, and that over the graylist."
      actions={<GuardedButton leftSection={<IconPlus size={17} />} refusal={mayAdd} onClick={open}>Add addresses</GuardedButton>}
    >
      <Tabs
        value={list}
        onChange={(value) => {
          if (isListName(value)) void navigate({ search: value === 'black' ? {} : { list: value } })
        }}
      >
        <Tabs.List>
          {Object.entries(lists).map(([name, entry]) => <Tabs.Tab key={name} value={name}>{entry.label}</Tabs.Tab>)}
        </Tabs.List>
        <Tabs.Panel value={list} pt="md">
          <Text size="sm" c="dimmed" mb="sm">{help}</Text>
          {data?.cut ? (
            <Alert variant="light" mb="sm" icon={<IconInfoCircle />} role="status">
              There are more than {MOST_ENTRIES.toLocaleString('en')} entries; this page shows so many. The search finds one address, subnet or code among all of them.
            </Alert>
          ) : null}
          <DataTable
            key={list}
            label={label}
            columns={columns}
            rows={data?.entries}
            rowKey={(entry) => String(entry.id)}
            error={error}
            onRetry={() => void refetch()}
            state={search}
            onStateChange={(next) => void navigate({ search: { ...search, ...next }, replace: true })}
            defaultSort="-created_at"
            searchPlaceholder="Find an address or reason"
            empty={
              <EmptyState title={`The ${label.toLowerCase()} is empty`} icon={<IconListCheck />} action={<Button variant="light" onClick={open} disabled={mayAdd !== undefined}>Add addresses</Button>}>
                {help}
              </EmptyState>
            }
            actions={(entry) => (
              <IconButton
                label={`Remove ${source(entry)}`} danger icon={<IconTrash size={17} />} refusal={refusal(`delete_${permission}`)}
                onClick={() => confirmDanger({
                  title: `Remove ${source(entry)}?`,
                  text: `It leaves the ${label.toLowerCase()} on every node within a second.`,
                  confirm: 'Remove',
                  onConfirm: () => remove.mutate(entry),
                })}
              />
            )}
          />
        </Tabs.Panel>
      </Tabs>
      {adding ? <AddEntriesModal list={list} onClose={close} /> : null}
    </Page>
  )
}
