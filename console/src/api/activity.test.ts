import { expect, test } from 'vitest'
import { isBackground, watchActivity } from './activity'

test('calls count as background once nobody has touched the page for a while', () => {
  const page = new EventTarget()
  watchActivity(page)
  page.dispatchEvent(new Event('keydown'))
  expect(isBackground(Date.now() + 1_000)).toBe(false)
  expect(isBackground(Date.now() + 60_000)).toBe(true)
  page.dispatchEvent(new Event('pointerdown'))
  expect(isBackground()).toBe(false)
})
