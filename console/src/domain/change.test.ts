import { expect, test } from 'vitest'
import { changeOf } from './change'

test('a change is told in percent of the period before', () => {
  expect(changeOf(112, 100)).toBe('+12 %')
  expect(changeOf(97, 100)).toBe('−3 %')
  expect(changeOf(100, 100)).toBe('±0 %')
  expect(changeOf(0, 5)).toBe('−100 %')
  expect(changeOf(50_000, 1)).toBe('+4,999,900 %')
})

test('nothing is compared with nothing', () => {
  expect(changeOf(0, 0)).toBeUndefined()
  expect(changeOf(3, 0)).toBe('new')
})
