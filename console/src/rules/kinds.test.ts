import { expect, test } from 'vitest'
import { isGeneralMode, kindLabel } from './kinds'

test('only the mode of all traffic is protected', () => {
  const condition = { type: 'iequal', point: ['header', 'HOST'], value: 'shop.test' }
  expect(isGeneralMode({ type: 'wallarm_mode', action: [] })).toBe(true)
  expect(isGeneralMode({ type: 'wallarm_mode', action: [condition] })).toBe(false)
  expect(isGeneralMode({ type: 'vpatch', action: [] })).toBe(false)
})

test('kinds that this page does not know keep their own name', () => {
  expect(kindLabel('rate_limit')).toBe('rate_limit')
})
