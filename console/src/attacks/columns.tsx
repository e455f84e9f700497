import { Badge, Group, Stack, Text, Tooltip } from '@mantine/core'
import type { Attack } from '../api/types'
import { attackTypeLabel } from '../domain/attackTypes'
import { pointText } from '../domain/points'
import { visibleText } from '../domain/visibleText'
import type { Column } from '../ui/DataTable'
import { StatusBadge } from '../ui/StatusBadge'
import { Time } from '../ui/Time'

export function address(attack: Pick<Attack, 'domain' | 'path'>): string {
  return `${attack.domain ?? ''}${attack.path ?? ''}`
}

function TopIps({ attack }: { attack: Attack }) {
  const [first, ...others] = attack.ip_top
  if (first === undefined) return <Text span inherit c="dimmed">Unknown</Text>
  const more = attack.ip_count - 1
  return (
    <Stack gap={0}>
      <Group gap={6} wrap="nowrap">
        <Text span inherit className="mono">{first.ip}</Text>
        {first.country === '' ? null : <Text span size="xs" c="dimmed">{first.country}</Text>}
      </Group>
      {more > 0 ? (
        <Tooltip disabled={others.length === 0} label={others.map(({ ip }) => ip).join(', ')}>
          <Text span size="xs" c="dimmed">and {more} more</Text>
        </Tooltip>
      ) : null}
    </Stack>
  )
}

/** Columns of the event lists; their ids are the orders that the API takes. */
export const attackColumns: readonly Column<Attack>[] = [
  {
    id: 'type',
    header: 'Type',
    value: (attack) => attack.type,
    sortable: false,
    minWidth: 180,
    cell: (attack) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{attackTypeLabel(attack.type)}</Text>
        <Text span size="xs" c="dimmed">{attack.type}{attack.state === 'falsepositive' ? ' · false positive' : ''}</Text>
      </Stack>
    ),
  },
  { id: 'hits', header: 'Hits', value: (attack) => attack.hits, align: 'right', cell: (attack) => attack.hits.toLocaleString('en') },
  {
    id: 'domain',
    header: 'Address',
    value: address,
    minWidth: 180,
    cell: (attack) => (
      <Stack gap={0} maw={214}>
        <Text span inherit truncate>{visibleText(attack.path ?? '')}</Text>
        <Text span size="xs" c="dimmed" truncate>{visibleText(`${attack.method} ${attack.domain ?? ''}`)}</Text>
      </Stack>
    ),
  },
  {
    id: 'parameter',
    header: 'Parameter',
    value: (attack) => attack.parameter,
    minWidth: 130,
    cell: (attack) => <Text span inherit truncate maw={180} display="block" title={visibleText(attack.parameter)}>{pointText(attack.point)}</Text>,
  },
  {
    id: 'ip_count',
    header: 'Source IPs',
    value: (attack) => attack.ip_top.map(({ ip }) => ip).join(' '),
    minWidth: 130,
    cell: (attack) => <TopIps attack={attack} />,
  },
  {
    id: 'block_status',
    header: 'Status',
    value: (attack) => attack.block_status,
    sortable: false,
    cell: (attack) => <StatusBadge status={attack.block_status} />,
  },
  {
    id: 'last_time',
    header: 'Last seen',
    value: (attack) => attack.last_time,
    minWidth: 120,
    cell: (attack) => (
      <Stack gap={0}>
        <Time at={attack.last_time} />
        {attack.first_time === attack.last_time ? null : (
          <Text span size="xs" c="dimmed" style={{ whiteSpace: 'nowrap' }}>first <Time at={attack.first_time} /></Text>
        )}
      </Stack>
    ),
  },
]

const incidentStatuses = { open: { label: 'Open', color: 'orange' }, closed: { label: 'Closed', color: 'gray' } } as const

/** Whether the flaw that an incident exploited is still there. */
export function IncidentBadge({ status }: { status: string | null | undefined }) {
  const known = status === 'open' || status === 'closed' ? incidentStatuses[status] : undefined
  return known === undefined ? null : <Badge color={known.color}>{known.label}</Badge>
}

/** Columns of the list of incidents: what was exploited, and whether it is fixed. */
export const incidentColumns: readonly Column<Attack>[] = [
  ...attackColumns.filter(({ id }) => id !== 'parameter'),
  {
    id: 'vulnerability',
    header: 'Vulnerability',
    value: (attack) => attack.vulns.map(({ wid }) => wid).join(' '),
    sortable: false,
    minWidth: 160,
    cell: (attack) => (
      <Stack gap={2} align="flex-start">
        <Text span size="xs">{attack.vulns.map(({ wid }) => wid).join(', ') || '–'}</Text>
        <IncidentBadge status={attack.incident_status} />
      </Stack>
    ),
  },
]
