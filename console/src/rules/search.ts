import { readTableState, type TableState } from '../ui/tableState'
import { isRuleKind, type RuleKind } from './kinds'

export interface RuleSearch extends TableState {
  kind?: RuleKind | undefined
}

export function readRuleSearch(search: Record<string, unknown>): RuleSearch {
  const state: RuleSearch = readTableState(search)
  if (isRuleKind(search['kind'])) state.kind = search['kind']
  return state
}
