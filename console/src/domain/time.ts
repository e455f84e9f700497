/** Times: the API speaks UNIX seconds, people read "5 minutes ago" and their own clock. */

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** "3 minutes ago", "in 2 days", "just now". */
export function relativeTime(seconds: number, now: number): string {
  if (!hasDate(seconds)) return seconds < 0 ? 'ages ago' : 'in ages'
  const delta = seconds - now
  if (Math.abs(delta) < 45) return delta > 5 ? 'in a moment' : 'just now'
  for (const [unit, size] of units) {
    if (Math.abs(delta) >= size) return relative.format(Math.trunc(delta / size), unit)
  }
  return relative.format(Math.sign(delta), 'minute')
}

/** The last second that a date can hold; the API's numbers reach further. */
const LAST_SECOND = 8.64e12

/** Whether there is a date for a second; what another program stored may have none. */
function hasDate(seconds: number): boolean {
  return Math.abs(seconds) <= LAST_SECOND
}

/** A moment for programs, or `undefined` when no date can hold it. */
export function isoTime(seconds: number): string | undefined {
  return hasDate(seconds) ? new Date(seconds * 1000).toISOString() : undefined
}

/** Date, time and zone in the reader's own zone. */
export function absoluteTime(seconds: number, timeZone?: string): string {
  if (!hasDate(seconds)) return 'Beyond the calendar'
  return new Intl.DateTimeFormat('en-GB', {
    day: '2-digit', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
    second: '2-digit', timeZoneName: 'short', ...(timeZone ? { timeZone } : {}),
  }).format(seconds * 1000)
}

/** Entries at or past this second never expire; the value is the public API's own. */
export const NEVER = 33_223_139_044

/** Whether an expiry means "never". */
export function neverExpires(seconds: number | null | undefined): boolean {
  return seconds === null || seconds === undefined || seconds === 0 || seconds >= NEVER
}

/** Named periods of the time filter, with their length in seconds (`null` = everything kept). */
export const periods = {
  '1h': { label: 'Last hour', seconds: 3_600 },
  '24h': { label: 'Last 24 hours', seconds: 86_400 },
  '7d': { label: 'Last 7 days', seconds: 604_800 },
  '30d': { label: 'Last 30 days', seconds: 2_592_000 },
  all: { label: 'All time', seconds: null },
} as const satisfies Record<string, { label: string; seconds: number | null }>

export type Period = keyof typeof periods

export function isPeriod(value: unknown): value is Period {
  return typeof value === 'string' && Object.hasOwn(periods, value)
}

/** The `time` filter of a period ending now; `undefined` when it has no beginning. */
export function periodRange(period: Period, now: number): [[number, null]] | undefined {
  const { seconds } = periods[period]
  return seconds === null ? undefined : [[now - seconds, null]]
}

/** The current time in UNIX seconds. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
