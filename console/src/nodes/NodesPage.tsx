import { Badge, Button, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus, IconServer2, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { FilterNode } from '../api/types'
import { useRefusal } from '../session/queries'
import { DataTable, type Column } from '../ui/DataTable'
import { confirmDanger } from '../ui/feedback'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { Page } from '../ui/Page'
import { EmptyState } from '../ui/States'
import { Time } from '../ui/Time'
import { CreateNodeModal } from './CreateNodeModal'
import { nodesQuery, useDeleteNode } from './queries'

const REFRESH_MS = 10_000

const columns: readonly Column<FilterNode>[] = [
  {
    id: 'hostname', header: 'Name', value: (node) => node.hostname, minWidth: 200,
    cell: (node) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{node.hostname}</Text>
        <Text span size="xs" c="dimmed" className="mono">{node.uuid}</Text>
      </Stack>
    ),
  },
  {
    id: 'active', header: 'Status', value: (node) => (node.active ? 'Active' : 'Inactive'),
    cell: (node) => (
      <Stack gap={4} align="flex-start">
        <Badge color={node.active ? 'teal' : 'gray'} variant="dot">{node.active ? 'Active' : 'Inactive'}</Badge>
        {node.last_error && <Text span size="xs" c="var(--mantine-color-error)" maw={320}>{node.last_error}</Text>}
      </Stack>
    ),
  },
  {
    id: 'instances', header: 'Instances', value: (node) => node.active_instance_count, align: 'right',
    cell: (node) => `${node.active_instance_count} of ${node.instance_count}`,
  },
  { id: 'requests', header: 'Requests this month', value: (node) => node.requests_amount, align: 'right', cell: (node) => node.requests_amount.toLocaleString('en') },
  { id: 'ruleset', header: 'Ruleset', value: (node) => node.lom_version, align: 'right', cell: (node) => (node.lom_version === null ? '–' : `v${node.lom_version}`) },
  { id: 'last_activity', header: 'Last seen', value: (node) => node.last_activity, cell: (node) => <Time at={node.last_activity} /> },
  { id: 'create_time', header: 'Created', value: (node) => node.create_time, cell: (node) => <Time at={node.create_time} /> },
]

export function NodesPage() {
  const search = useSearch({ from: '/signed-in/nodes' })
  const navigate = useNavigate({ from: '/nodes' })
  const refusal = useRefusal()
  const [creating, { open, close }] = useDisclosure()
  const { data, error, refetch } = useQuery({ ...nodesQuery, refetchInterval: REFRESH_MS })
  const remove = useDeleteNode()
  const add = (
    <GuardedButton leftSection={<IconPlus size={17} />} refusal={refusal('create_node')} onClick={open}>Create node</GuardedButton>
  )
  return (
    <Page title="Nodes" description="Filter nodes stand in front of your services, inspect requests and enforce the rules." actions={add}>
      <DataTable
        label="Nodes"
        columns={columns}
        rows={data}
        rowKey={(node) => node.uuid}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: next, replace: true })}
        defaultSort="hostname"
        searchPlaceholder="Find a node"
        empty={
          <EmptyState title="No nodes yet" icon={<IconServer2 />} action={<Button variant="light" onClick={open} disabled={refusal('create_node') !== undefined}>Create the first node</Button>}>
            Create a node here, then start it with the token that you get.
          </EmptyState>
        }
        actions={(node) => (
          <IconButton
            label={`Delete ${node.hostname}`} danger icon={<IconTrash size={17} />} refusal={refusal('delete_node')}
            onClick={() => confirmDanger({
              title: `Delete ${node.hostname}?`,
              text: 'Its token stops working and its instances are unregistered. They go on filtering with their last rules until you stop them.',
              confirm: 'Delete node',
              onConfirm: () => remove.mutate(node),
            })}
          />
        )}
      />
      <CreateNodeModal opened={creating} onClose={close} />
    </Page>
  )
}
