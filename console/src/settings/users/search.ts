import { readTableState, type TableState } from '../../ui/tableState'
import { isUserState, type UserState } from './user'

export interface UserSearch extends TableState {
  role?: string | undefined
  state?: UserState | undefined
}

export function readUserSearch(search: Record<string, unknown>): UserSearch {
  const state: UserSearch = readTableState(search)
  const { role, state: wanted } = search
  if (typeof role === 'string' && /^[a-z_]{1,40}$/.test(role)) state.role = role
  if (isUserState(wanted)) state.state = wanted
  return state
}
