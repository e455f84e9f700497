import { Badge, Stack, Text } from '@mantine/core'
import { IconBug } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Vulnerability } from '../api/types'
import { attackTypeLabel } from '../domain/attackTypes'
import { threatLevel } from '../domain/threat'
import { visibleText } from '../domain/visibleText'
import { DataTable, type Column } from '../ui/DataTable'
import { FilterSelect } from '../ui/FilterSelect'
import { Page } from '../ui/Page'
import { EmptyState } from '../ui/States'
import { Time } from '../ui/Time'
import { VulnerabilityDrawer } from './VulnerabilityDrawer'
import { vulnerabilitiesQuery } from './queries'
import { isVulnerabilityStatus, vulnerabilityStatuses } from './search'

const columns: readonly Column<Vulnerability>[] = [
  {
    id: 'title', header: 'Vulnerability', value: ({ title }) => title, minWidth: 240,
    cell: (vuln) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{vuln.title === '' ? attackTypeLabel(vuln.type) : vuln.title}</Text>
        <Text span size="xs" c="dimmed">{vuln.wid}</Text>
      </Stack>
    ),
  },
  {
    id: 'threat', header: 'Risk', value: ({ threat }) => threat,
    cell: ({ threat }) => <Badge color={threatLevel(threat).color}>{threatLevel(threat).label}</Badge>,
  },
  {
    id: 'domain', header: 'Address', value: ({ domain, path }) => `${domain}${path}`, minWidth: 210,
    cell: (vuln) => (
      <Stack gap={0} maw={340}>
        <Text span inherit truncate>{visibleText(vuln.path)}</Text>
        <Text span size="xs" c="dimmed" truncate>{visibleText(`${vuln.method} ${vuln.domain}`)}</Text>
      </Stack>
    ),
  },
  { id: 'parameter', header: 'Parameter', value: ({ parameter }) => parameter },
  { id: 'incidents', header: 'Incidents', value: ({ incidents }) => incidents?.length ?? 0, align: 'right' },
  {
    id: 'status', header: 'Status', value: ({ status }) => status,
    cell: ({ status }) => (
      <Badge color={status === 'open' ? 'orange' : 'gray'}>{isVulnerabilityStatus(status) ? vulnerabilityStatuses[status] : status}</Badge>
    ),
  },
  { id: 'validate_time', header: 'Found', value: (vuln) => vuln.validate_time, cell: (vuln) => <Time at={vuln.validate_time} /> },
]

const statusOptions = Object.entries(vulnerabilityStatuses).map(([value, label]) => ({ value, label }))

export function VulnerabilitiesPage() {
  const search = useSearch({ from: '/signed-in/vulnerabilities' })
  const navigate = useNavigate({ from: '/vulnerabilities' })
  const { data, error, refetch } = useQuery(vulnerabilitiesQuery(search.status))
  return (
    <Page title="Vulnerabilities" description="Flaws in your APIs that an attack, or a check, proved to be there.">
      <DataTable
        label="Vulnerabilities"
        columns={columns}
        rows={data}
        rowKey={(row) => String(row.id)}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: { ...search, ...next }, replace: true })}
        defaultSort="-threat"
        searchPlaceholder="Find a vulnerability"
        filtered={search.status !== undefined}
        filters={
          <FilterSelect
            label="Status" placeholder="Any status" width={160} data={statusOptions} value={search.status}
            onChange={(value) => void navigate({ search: { ...search, page: undefined, status: isVulnerabilityStatus(value) ? value : undefined } })}
          />
        }
        open={{
          label: (row) => `${row.title === '' ? row.wid : row.title}, details`,
          onOpen: ({ id }) => void navigate({ search: { ...search, open: id } }),
        }}
        empty={
          <EmptyState title="No known vulnerabilities" icon={<IconBug />}>
            A vulnerability is recorded when the answer to an attack proves that it worked.
          </EmptyState>
        }
      />
      <VulnerabilityDrawer id={search.open} onClose={() => void navigate({ search: { ...search, open: undefined } })} />
    </Page>
  )
}
