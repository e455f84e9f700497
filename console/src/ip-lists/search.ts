import { readTableState, type TableState } from '../ui/tableState'

/** The three lists, by the names the API calls them. */
export const lists = {
  black: { label: 'Denylist', help: 'Blocked in every mode but off.', permission: 'denylist' },
  white: { label: 'Allowlist', help: 'Passed without any check.', permission: 'allowlist' },
  gray: { label: 'Graylist', help: 'Blocked only when an attack is found, in safe blocking.', permission: 'graylist' },
} as const

export type ListName = keyof typeof lists

export function isListName(value: unknown): value is ListName {
  return typeof value === 'string' && Object.hasOwn(lists, value)
}

export interface IpListSearch extends TableState {
  list?: Exclude<ListName, 'black'> | undefined
}

export function readIpListSearch(search: Record<string, unknown>): IpListSearch {
  const state: IpListSearch = readTableState(search)
  const { list } = search
  if (isListName(list) && list !== 'black') state.list = list
  return state
}
