/** The list of attacks and the list of incidents: one page, two selections. */
import { Button, Switch } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { IconRefresh, IconSearchOff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { attackTypeLabel } from '../domain/attackTypes'
import { DataTable } from '../ui/DataTable'
import { Page } from '../ui/Page'
import { EmptyState } from '../ui/States'
import { address, attackColumns, incidentColumns } from './columns'
import { AttackDrawer } from './AttackDrawer'
import { AttackFilters } from './AttackFilters'
import { CountStrip } from './CountStrip'
import { saidBy, type EventKind } from './filter'
import { allAttacks, attacksQuery, PAGE_SIZE } from './queries'
import { isNarrowed, type AttackSearch } from './search'
import { SearchBar } from './SearchBar'
import { mistakeIn } from './words'

const REFRESH_MS = 5_000

interface EventsPageProps {
  kind: EventKind
  title: string
  description: string
  empty: ReactNode
  search: AttackSearch
  onSearch: (next: AttackSearch) => void
}

export function EventsPage({ kind, title, description, empty, search, onSearch }: EventsPageProps) {
  const [live, setLive] = useLocalStorage({ key: 'bartizan-auto-refresh', defaultValue: true })
  const { data, dataUpdatedAt, error, refetch, isFetching } = useQuery({
    ...attacksQuery(kind, search),
    refetchInterval: live ? REFRESH_MS : false,
  })
  const { attack, ...list } = search
  const mistake = mistakeIn(error)
  return (
    <Page
      title={title}
      description={description}
      actions={
        <>
          <Switch label="Auto refresh" size="sm" checked={live} onChange={(event) => setLive(event.currentTarget.checked)} />
          <Button
            variant="default" size="xs" leftSection={<IconRefresh size={15} />}
            loading={isFetching && !live} onClick={() => void refetch()}
          >
            Refresh
          </Button>
        </>
      }
    >
      <CountStrip noun={title} failed={error !== null} count={data?.count} before={data?.before} />
      <DataTable
        label={title}
        columns={kind === 'incidents' ? incidentColumns : attackColumns}
        rows={mistake === undefined ? data?.rows : []}
        rowKey={(row) => row.attackid}
        error={mistake === undefined ? error : undefined}
        updatedAt={dataUpdatedAt}
        onRetry={() => void refetch()}
        empty={empty}
        instead={mistake === undefined ? undefined : (
          <EmptyState title="Nothing was searched" icon={<IconSearchOff />}>
            Correct the word that the search field points at.
          </EmptyState>
        )}
        state={list}
        onStateChange={(next) => onSearch(next)}
        defaultSort="-last_time"
        searchField={(words, onWords) => <SearchBar words={words} error={error} onSearch={onWords} />}
        filters={<AttackFilters search={list} said={data?.said ?? saidBy(undefined)} onChange={(change) => onSearch({ ...list, page: undefined, ...change })} />}
        filtered={isNarrowed(search)}
        server={{ total: data?.count.attacks, allRows: () => allAttacks(kind, search) }}
        pageSize={PAGE_SIZE}
        open={{
          label: (row) => `${attackTypeLabel(row.type)} on ${address(row)}, details`,
          onOpen: (row) => onSearch({ ...list, attack: row.attackid }),
        }}
      />
      <AttackDrawer id={attack} onClose={() => onSearch(list)} />
    </Page>
  )
}
