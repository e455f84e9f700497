/** The part of a table that lives in the address bar: order, page and search words. */
export interface TableState {
  /** Column id, with a leading `-` for descending. */
  sort?: string | undefined
  /** Page number, from 1. */
  page?: number | undefined
  /** Search words. */
  q?: string | undefined
}

/** Reads a table's state from URL parameters; anything unfit is dropped. */
export function readTableState(search: Record<string, unknown>): TableState {
  const { sort, page, q } = search
  const state: TableState = {}
  if (typeof sort === 'string' && /^-?[a-z_]{1,40}$/.test(sort)) state.sort = sort
  const number = Number(page)
  if (Number.isInteger(number) && number > 1 && number < 10_000) state.page = number
  if ((typeof q === 'string' || typeof q === 'number') && q !== '') state.q = String(q)
  return state
}

export interface Order {
  id: string
  desc: boolean
}

/** `-last_time` as a column and a direction. */
export function readOrder(sort: string | undefined, fallback: string): Order {
  const text = sort ?? fallback
  return text.startsWith('-') ? { id: text.slice(1), desc: true } : { id: text, desc: false }
}

export function writeOrder({ id, desc }: Order): string {
  return desc ? `-${id}` : id
}

/** The order after a press on a column's heading: the same column turns round. */
export function nextOrder(current: Order, id: string): Order {
  return current.id === id ? { id, desc: !current.desc } : { id, desc: false }
}

type Value = string | number | boolean | null | undefined

/** Orders values of one column: numbers by size, texts as people sort them, nothing last. */
export function compareValues(a: Value, b: Value): number {
  const noA = a === null || a === undefined
  const noB = b === null || b === undefined
  if (noA || noB) return noA === noB ? 0 : noA ? 1 : -1
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a).localeCompare(String(b), undefined, { numeric: true, sensitivity: 'base' })
}
