import { readTableState, type TableState } from '../ui/tableState'

export const vulnerabilityStatuses = { open: 'Open', closed: 'Closed', falsepositive: 'False positive' } as const

export type VulnerabilityStatus = keyof typeof vulnerabilityStatuses

export interface VulnerabilitySearch extends TableState {
  status?: VulnerabilityStatus | undefined
  /** The vulnerability whose details are open. */
  open?: number | undefined
}

export function isVulnerabilityStatus(value: unknown): value is VulnerabilityStatus {
  return typeof value === 'string' && Object.hasOwn(vulnerabilityStatuses, value)
}

export function readVulnerabilitySearch(search: Record<string, unknown>): VulnerabilitySearch {
  const state: VulnerabilitySearch = readTableState(search)
  if (isVulnerabilityStatus(search['status'])) state.status = search['status']
  const open = Number(search['open'])
  if (Number.isSafeInteger(open) && open > 0) state.open = open
  return state
}
