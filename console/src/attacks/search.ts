/** The filters of an event list, as the address bar holds them. */
import { isPeriod, type Period } from '../domain/time'
import { readTableState, type TableState } from '../ui/tableState'

export const blockStatuses = {
  blocked: 'Blocked',
  monitored: 'Monitoring',
  partially_blocked: 'Partially blocked',
} as const

export const markings = {
  real: 'Without false positives',
  false: 'False positives only',
  any: 'With false positives',
} as const

export type BlockStatus = keyof typeof blockStatuses
export type Marking = keyof typeof markings

export interface AttackSearch extends TableState {
  period?: Period | undefined
  types?: string[] | undefined
  status?: BlockStatus | undefined
  marking?: Marking | undefined
  /** The attack whose details are open, as `index:id`. */
  attack?: string | undefined
}

export const defaultPeriod: Period = '24h'

export function isBlockStatus(value: unknown): value is BlockStatus {
  return typeof value === 'string' && Object.hasOwn(blockStatuses, value)
}

export function isMarking(value: unknown): value is Marking {
  return typeof value === 'string' && Object.hasOwn(markings, value)
}

function readTypes(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((type): type is string => typeof type === 'string' && /^[a-z_]{2,40}$/.test(type))
}

/** Reads the filters from URL parameters; anything unfit is dropped. */
export function readAttackSearch(search: Record<string, unknown>): AttackSearch {
  const state: AttackSearch = readTableState(search)
  const { period, types, status, marking, attack } = search
  if (isPeriod(period)) state.period = period
  const known = readTypes(types)
  if (known.length > 0) state.types = known
  if (isBlockStatus(status)) state.status = status
  if (isMarking(marking)) state.marking = marking
  if (typeof attack === 'string' && /^[\w-]+:[\w-]+$/.test(attack)) state.attack = attack
  return state
}

/** Whether anything but the period narrows the list. */
export function isNarrowed(search: AttackSearch): boolean {
  return search.types !== undefined || search.status !== undefined || search.marking === 'false' || (search.q ?? '') !== ''
}
