/** Turns the filters of an event list into the `filter` of `POST /v1/objects/attack`. */
import type { Filter } from '../api/types'
import { periodRange } from '../domain/time'
import { defaultPeriod, type AttackSearch } from './search'

/** Attacks proper have no vulnerability behind them; incidents have one. */
export type EventKind = 'attacks' | 'incidents'

/** Types that the platform uses for itself and never shows. */
const internal = ['warn', 'marker', 'bot', 'vectors']

type Ranges = (number | null)[][]

function isRanges(value: unknown): value is Ranges {
  return Array.isArray(value) && value.every((range) => Array.isArray(range))
}

/** What the server made of the search words. */
export interface Words {
  filter: Filter
  /** Without one the filter is about the last month, which says nothing of what is wanted. */
  hasPeriod: boolean
}

/** Reads one of the filters that the search answered. */
export function readFilter(answer: unknown): Filter {
  return typeof answer === 'object' && answer !== null ? { ...answer } : {}
}

/** Whether there is a period before: what has no beginning has none, and several periods have no single one. */
export function hasOnePeriod({ time }: Filter): boolean {
  return isRanges(time) && time.length === 1 && typeof time[0]?.[0] === 'number'
}

/** Nothing happened then, and unlike a range that ends before it begins the server takes it. */
const never: Ranges = [[0, 0]]

/** The later of two beginnings; what lies before either of them is not asked for. */
export function narrowest(period: [[number, null]] | undefined, searched: unknown): Ranges | undefined {
  if (!isRanges(searched)) return period
  if (period === undefined) return searched
  const [[from]] = period
  const left = searched
    .filter(([, end = null]) => end === null || end >= from)
    .map(([start = null, end = null]) => [start === null ? from : Math.max(start, from), end])
  return left.length === 0 ? never : left
}

/** The period that the words name. */
function namedPeriod(words: Words | undefined): Ranges | undefined {
  const time = words?.filter['time']
  return words?.hasPeriod === true && isRanges(time) ? time : undefined
}

/** What the words decide where nothing is chosen on the page. */
export interface Said {
  period: boolean
  marking: boolean
}

export function saidBy(words: Words | undefined): Said {
  return {
    period: namedPeriod(words) !== undefined,
    marking: words !== undefined && ('state' in words.filter || '!state' in words.filter),
  }
}

function asList(value: unknown): unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/**
 * The filter in force. What is chosen on the page wins over the same in the words, and what the words say wins over
 * what the page does by itself; a chosen period narrows that of the words.
 */
export function attackFilter(kind: EventKind, search: AttackSearch, words: Words | undefined, now: number): Filter {
  const named = namedPeriod(words)
  const time = search.period === undefined && named !== undefined
    ? named
    : narrowest(periodRange(search.period ?? defaultPeriod, now), named)
  const filter: Filter = {
    ...words?.filter,
    [kind === 'incidents' ? '!vulnid' : 'vulnid']: null,
    '!type': [...internal, ...asList(words?.filter['!type'])],
    ...(search.types === undefined ? {} : { type: search.types }),
    ...(search.status === undefined ? {} : { block_status: search.status }),
  }
  delete filter['time']
  if (time !== undefined) filter['time'] = time
  if (search.marking === undefined && saidBy(words).marking) return filter
  delete filter['!state']
  delete filter['state']
  const marking = search.marking ?? 'real'
  if (marking === 'real') filter['!state'] = 'falsepositive'
  if (marking === 'false') filter['state'] = 'falsepositive'
  return filter
}
