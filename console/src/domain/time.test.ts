import { expect, test } from 'vitest'
import { absoluteTime, isoTime, isPeriod, NEVER, neverExpires, periodRange, relativeTime } from './time'

const now = 1_800_000_000

test.each([
  [now - 3, 'just now'],
  [now - 90, '1 minute ago'],
  [now - 3 * 3600, '3 hours ago'],
  [now - 86_400, 'yesterday'],
  [now + 7200, 'in 2 hours'],
  [now + 400 * 86_400, 'next year'],
])('%i reads as %s', (at, text) => {
  expect(relativeTime(at, now)).toBe(text)
})

test('an exact time names its zone', () => {
  expect(absoluteTime(1_767_225_600, 'UTC')).toBe('01 Jan 2026, 00:00:00 UTC')
})

test('a period reaches back from now, and all time has no beginning', () => {
  expect(periodRange('1h', now)).toEqual([[now - 3600, null]])
  expect(periodRange('all', now)).toBeUndefined()
  expect(isPeriod('90d')).toBe(false)
})

test('several values mean never', () => {
  expect([null, 0, NEVER, NEVER + 1].every(neverExpires)).toBe(true)
  expect(neverExpires(now)).toBe(false)
})

test.each([1e18, Number.MAX_VALUE, Number.POSITIVE_INFINITY])('a second that no date can hold (%d) is told, not thrown', (seconds) => {
  expect(isoTime(seconds)).toBeUndefined()
  expect(absoluteTime(seconds)).toBe('Beyond the calendar')
  expect(relativeTime(seconds, now)).toBe('in ages')
  expect(relativeTime(-seconds, now)).toBe('ages ago')
})

test('what is no number at all is told too', () => {
  expect(isoTime(Number.NaN)).toBeUndefined()
  expect(absoluteTime(Number.NaN)).toBe('Beyond the calendar')
  expect(relativeTime(Number.NaN, now)).toBe('in ages')
})

test('the last second of the calendar is still a date', () => {
  expect(isoTime(8.64e12)).toBe('+275760-09-13T00:00:00.000Z')
  expect(isoTime(now)).toBe('2027-01-15T08:00:00.000Z')
})
