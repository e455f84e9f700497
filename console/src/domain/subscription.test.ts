import { expect, test } from 'vitest'
import { monthOf, planName } from './subscription'

test('months are named in UTC', () => {
  expect(monthOf(2026, 1)).toBe('January 2026')
  expect(monthOf(2026, 12)).toBe('December 2026')
})

test('a plan has its name once names are known', () => {
  expect(planName([{ id: 3, slug: 'gold' }], 3)).toBe('gold')
  expect(planName(undefined, 3)).toBe('Plan 3')
})
