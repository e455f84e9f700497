import { expect, test } from 'vitest'
import { durationProblem, durationText, parseDuration } from './duration'

test.each([
  [900, '15 minutes'],
  [3_600, '1 hour'],
  [86_400, '24 hours'],
  [604_800, '7 days'],
  [129_600, '36 hours'],
  [5_400, '90 minutes'],
  [901, '901 seconds'],
  [1, '1 second'],
])('%i seconds are written %s, and read again', (seconds, text) => {
  expect(durationText(seconds)).toBe(text)
  expect(parseDuration(text)).toBe(seconds)
})

test.each([['8h', 28_800], [' 1.5 Hours ', 5_400], ['2 D', 172_800], ['30min', 1_800]])('%s is understood', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds)
})

test.each(['', '15', 'an hour', '-1 hour', '1 fortnight', '0.3333 seconds', '1e9 h'])('"%s" is no length', (text) => {
  expect(parseDuration(text)).toBeUndefined()
  expect(durationProblem(text, 900, 3_600)).toBe('Write a number and minutes, hours or days')
})

test('a length outside the limits is told the limits', () => {
  expect(durationProblem('14 minutes', 900, 604_800)).toBe('Between 15 minutes and 7 days')
  expect(durationProblem('8 days', 900, 604_800)).toBe('Between 15 minutes and 7 days')
  expect(durationProblem('15 minutes', 900, 604_800)).toBeUndefined()
  expect(durationProblem('7 days', 900, 604_800)).toBeUndefined()
})
