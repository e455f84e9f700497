/**
 * The table of every list page: order, search, pages, export, and the states a list can be in.
 *
 * It knows neither the router nor the API. Its state is handed in and changes are handed out, so a
 * page can keep them in the address bar. By default rows are ordered and paged here; with `server`
 * the rows are one page that the API ordered and cut.
 */
import { Group, Pagination, Skeleton, Table, Text, UnstyledButton, VisuallyHidden } from '@mantine/core'
import { IconArrowDown, IconArrowsSort, IconArrowUp, IconSearch } from '@tabler/icons-react'
import {
  columnFilteringFeature, createFilteredRowModel, createPaginatedRowModel, createSortedRowModel,
  filterFn_includesString, globalFilteringFeature, rowPaginationFeature, rowSortingFeature,
  tableFeatures, useTable, type AccessorFnColumnDef,
} from '@tanstack/react-table'
import { useMemo, type ReactNode } from 'react'
import classes from './DataTable.module.css'
import { ExportMenu } from './ExportMenu'
import { SearchBox } from './SearchBox'
import { EmptyState, ErrorState, StaleNotice } from './States'
import { compareValues, nextOrder, readOrder, writeOrder, type TableState } from './tableState'
import { visibleText } from '../domain/visibleText'

type Value = string | number | boolean | null | undefined

export interface Column<Row> {
  id: string
  header: string
  /** What the column sorts, searches and exports by. */
  value: (row: Row) => Value
  /** How the cell looks; the value itself when absent. */
  cell?: (row: Row) => ReactNode
  sortable?: boolean
  align?: 'right'
  minWidth?: number
}

interface ServerPaging<Row> {
  /** Rows over all pages, when known. */
  total: number | undefined
  /** Fetches the rows of all pages, for export. */
  allRows: () => Promise<readonly Row[]>
}

interface DataTableProps<Row> {
  /** Names the table for screen readers and its export files. */
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[] | undefined
  rowKey: (row: Row) => string
  error?: unknown
  /** When the rows were last fetched, in milliseconds: said where they cannot be fetched again. */
  updatedAt?: number
  onRetry?: () => void
  /** Shown when there is nothing to list at all. */
  empty: ReactNode
  /** Shown in place of the rows, when there is a reason why there are none. */
  instead?: ReactNode
  state: TableState
  onStateChange: (state: TableState) => void
  defaultSort: string
  searchPlaceholder?: string
  /** A search field of the page's own, instead of the plain one. */
  searchField?: (words: string, onSearch: (words: string) => void) => ReactNode
  /** Filters that belong to this list. */
  filters?: ReactNode
  /** Whether those filters hide rows, so that an empty list is "no match" rather than "nothing yet". */
  filtered?: boolean
  server?: ServerPaging<Row>
  /** Opens one row; the first cell becomes the button for it. */
  open?: { label: (row: Row) => string; onOpen: (row: Row) => void }
  actions?: (row: Row) => ReactNode
  pageSize?: number
}

const features = tableFeatures({
  rowSortingFeature,
  rowPaginationFeature,
  columnFilteringFeature,
  globalFilteringFeature,
  filteredRowModel: createFilteredRowModel(),
  sortedRowModel: createSortedRowModel(),
  paginatedRowModel: createPaginatedRowModel(),
})

type Features = typeof features

function toDefinition<Row extends object>(column: Column<Row>): AccessorFnColumnDef<Features, Row, unknown> {
  return {
    id: column.id,
    header: column.header,
    accessorFn: column.value,
    enableSorting: column.sortable !== false,
    sortFn: (a, b, id) => compareValues(a.getValue<Value>(id), b.getValue<Value>(id)),
    sortDescFirst: false,
  }
}

const noRows: never[] = []

export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { columns, rows, rowKey, state, onStateChange, server, pageSize = 25 } = props
  const order = readOrder(state.sort, props.defaultSort)
  const page = state.page ?? 1
  const definitions = useMemo(() => columns.map(toDefinition), [columns])
  const data = useMemo(() => (rows ? [...rows] : noRows), [rows])
  const manual = server !== undefined
  const table = useTable<Features, Row>({
    features,
    columns: definitions,
    data,
    getRowId: rowKey,
    state: {
      sorting: [order],
      pagination: { pageIndex: page - 1, pageSize },
      globalFilter: manual ? '' : (state.q ?? ''),
    },
    manualSorting: manual,
    manualPagination: manual,
    manualFiltering: manual,
    globalFilterFn: filterFn_includesString,
    getColumnCanGlobalFilter: () => true,
  })

  const visible = table.getRowModel().rows
  const matching = manual ? visible : table.getPrePaginatedRowModel().rows
  const total = manual ? server.total : matching.length
  const pages = total === undefined ? 1 : Math.max(1, Math.ceil(total / pageSize))
  const change = (next: TableState) => onStateChange({ ...state, page: undefined, ...next })
  const byId = new Map(columns.map((column) => [column.id, column]))
  const nothing = rows !== undefined && visible.length === 0
  const searched = (state.q ?? '') !== '' || props.filtered === true

  return (
    <div className={classes.card}>
      <div className={classes.toolbar}>
        {props.searchField === undefined ? null : (
          <div className={classes.search}>
            {props.searchField(state.q ?? '', (q) => change({ q: q === '' ? undefined : q }))}
          </div>
        )}
        {props.searchPlaceholder === undefined ? null : (
          <div className={classes.search}>
            <SearchBox
              placeholder={props.searchPlaceholder}
              words={state.q ?? ''}
              live={!manual}
              onSearch={(q) => change({ q: q === '' ? undefined : q })}
            />
          </div>
        )}
        {props.filters}
        <div className={classes.spacer} />
        <ExportMenu
          name={props.label}
          columns={columns}
          rows={server?.allRows ?? (() => Promise.resolve(matching.map((row) => row.original)))}
          disabled={matching.length === 0}
        />
      </div>
      {props.error && rows !== undefined ? (
        <StaleNotice error={props.error} updatedAt={props.updatedAt} onRetry={props.onRetry} />
      ) : null}
      <div className={classes.scroll} role="region" aria-label={`${props.label} table`} tabIndex={0}>
        {props.instead ?? (props.error && rows === undefined ? (
          <ErrorState error={props.error} onRetry={props.onRetry} />
        ) : nothing ? (
          searched ? <EmptyState title="Nothing matches" icon={<IconSearch />}>Change the filters to see more.</EmptyState> : props.empty
        ) : (
          <Table aria-label={props.label} aria-busy={rows === undefined}>
            <Table.Thead className={classes.head}>
              <Table.Tr>
                {columns.map((column) => (
                  <HeaderCell
                    key={column.id}
                    column={column}
                    direction={order.id === column.id ? (order.desc ? 'descending' : 'ascending') : 'none'}
                    onSort={() => change({ sort: writeOrder(nextOrder(order, column.id)) })}
                  />
                ))}
                {props.actions ? <Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th> : null}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows === undefined ? <LoadingRows columns={columns.length + (props.actions ? 1 : 0)} /> : null}
              {visible.map((row) => (
                <Table.Tr key={row.id} className={classes.row}>
                  {row.getAllCells().map((cell, index) => {
                    const column = byId.get(cell.column.id)
                    const content = column?.cell ? column.cell(row.original) : visibleText(String(cell.getValue() ?? ''))
                    return (
                      <Table.Td key={cell.id} ta={column?.align} className={column?.align === 'right' ? 'tabular' : ''}>
                        {props.open && index === 0 ? (
                          <UnstyledButton
                            className={classes.open}
                            aria-label={props.open.label(row.original)}
                            onClick={() => props.open?.onOpen(row.original)}
                          >
                            {content}
                          </UnstyledButton>
                        ) : content}
                      </Table.Td>
                    )
                  })}
                  {props.actions ? (
                    <Table.Td className={classes.actions}>
                      <Group gap={2} wrap="nowrap" justify="flex-end" className={classes.above}>{props.actions(row.original)}</Group>
                    </Table.Td>
                  ) : null}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        ))}
      </div>
      {rows === undefined || nothing ? null : (
        <div className={classes.footer}>
          <Text size="xs" c="dimmed" className="tabular" role="status">
            {rangeText(page, pageSize, visible.length, total)}
          </Text>
          {pages > 1 ? (
            <Pagination
              size="sm"
              total={pages}
              value={Math.min(page, pages)}
              onChange={(next) => change({ page: next === 1 ? undefined : next })}
              getControlProps={(control) => ({ 'aria-label': `${control} page` })}
              getItemProps={(item) => ({ 'aria-label': `Page ${item}` })}
            />
          ) : null}
        </div>
      )}
    </div>
  )
}

function rangeText(page: number, size: number, shown: number, total: number | undefined): string {
  const from = (page - 1) * size + 1
  const to = from + shown - 1
  const count = total === undefined ? '' : ` of ${total.toLocaleString('en')}`
  return shown === total ? `${shown.toLocaleString('en')} ${shown === 1 ? 'row' : 'rows'}` : `${from}–${to}${count}`
}

interface HeaderCellProps<Row> {
  column: Column<Row>
  direction: 'ascending' | 'descending' | 'none'
  onSort: () => void
}

function HeaderCell<Row>({ column, direction, onSort }: HeaderCellProps<Row>) {
  const style = column.minWidth === undefined ? {} : { minWidth: column.minWidth }
  if (column.sortable === false) return <Table.Th ta={column.align} style={style}>{column.header}</Table.Th>
  const Icon = direction === 'none' ? IconArrowsSort : direction === 'ascending' ? IconArrowUp : IconArrowDown
  return (
    <Table.Th ta={column.align} style={style} aria-sort={direction}>
      <UnstyledButton className={classes.sort} onClick={onSort}>
        {column.header}
        <Icon size={13} aria-hidden opacity={direction === 'none' ? 0.45 : 1} />
      </UnstyledButton>
    </Table.Th>
  )
}

function LoadingRows({ columns }: { columns: number }) {
  return Array.from({ length: 6 }, (_, row) => (
    <Table.Tr key={row}>
      {Array.from({ length: columns }, (_, cell) => (
        <Table.Td key={cell}><Skeleton height={12} my={4} width={`${45 + ((row * 7 + cell * 13) % 45)}%`} /></Table.Td>
      ))}
    </Table.Tr>
  ))
}
