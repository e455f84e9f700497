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

/**
 * The filter in force. `words` is what the server made of the search words; its period narrows the
 * chosen one, and the choices on the page win over the same words in the search.
 */
export function attackFilter(kind: EventKind, search: AttackSearch, words: Filter | undefined, now: number): Filter {
  const time = narrowest(periodRange(search.period ?? defaultPeriod, now), words?.['time'])
  const marking = search.marking ?? 'real'
  const filter: Filter = {
    ...words,
    [kind === 'incidents' ? '!vulnid' : 'vulnid']: null,
    '!type': internal,
    ...(time === undefined ? {} : { time }),
    ...(search.types === undefined ? {} : { type: search.types }),
    ...(search.status === undefined ? {} : { block_status: search.status }),
  }
  delete filter['!state']
  delete filter['state']
  if (marking === 'real') filter['!state'] = 'falsepositive'
  if (marking === 'false') filter['state'] = 'falsepositive'
  return filter
}
