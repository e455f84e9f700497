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

/** Reads one of the filters that the search answered. */
export function readFilter(answer: unknown): Filter {
  return typeof answer === 'object' && answer !== null ? { ...answer } : {}
}

/** Whether there is a period before: what has no beginning has none, and several periods have no single one. */
export function hasOnePeriod({ time }: Filter): boolean {
  return isRanges(time) && time.length === 1 && typeof time[0]?.[0] === 'number'
}

/** The later of two beginnings; what lies before either of them is not asked for. */
export function narrowest(period: [[number, null]] | undefined, searched: unknown): Ranges | undefined {
  if (!isRanges(searched)) return period
  if (period === undefined) return searched
  const [[from]] = period
  return searched.map(([start = null, end = null]) => [start === null ? from : Math.max(start, from), end])
}

/** The same time of day one month before, or the last day of that month where it is shorter. */
function monthBefore(seconds: number): number {
  const then = new Date(seconds * 1000)
  const day = then.getUTCDate()
  then.setUTCMonth(then.getUTCMonth() - 1)
  if (then.getUTCDate() !== day) then.setUTCDate(0)
  return Math.floor(then.getTime() / 1000)
}

/**
 * The period that the words name. Without one the server answers with the month that ends now
 * (`services/search.rs`, `filters`), which says nothing of what is wanted.
 */
function namedPeriod(words: Filter | undefined): Ranges | undefined {
  const time = words?.['time']
  if (!isRanges(time)) return undefined
  const [[from, to] = [], ...others] = time
  const isDefault = others.length === 0 && typeof to === 'number' && from === monthBefore(to)
  return isDefault ? undefined : time
}

/** What the words decide where nothing is chosen on the page. */
export interface Said {
  period: boolean
  marking: boolean
}

export function saidBy(words: Filter | undefined): Said {
  return {
    period: namedPeriod(words) !== undefined,
    marking: words !== undefined && ('state' in words || '!state' in words),
  }
}

function asList(value: unknown): unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/**
 * The filter in force. `words` is what the server made of the search words. What is chosen on the page wins over
 * the same in the words, and what the words say wins over what the page does by itself; a chosen period
 * narrows that of the words.
 */
export function attackFilter(kind: EventKind, search: AttackSearch, words: Filter | undefined, now: number): Filter {
  const named = namedPeriod(words)
  const time = search.period === undefined && named !== undefined
    ? named
    : narrowest(periodRange(search.period ?? defaultPeriod, now), named)
  const filter: Filter = {
    ...words,
    [kind === 'incidents' ? '!vulnid' : 'vulnid']: null,
    '!type': [...internal, ...asList(words?.['!type'])],
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
