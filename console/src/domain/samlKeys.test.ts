import { expect, test } from 'vitest'
import { samlKeyState } from './samlKeys'

const day = 86_400
const old = { signs_from: 0, decrypts_until: 37 * day }
const next = { signs_from: 7 * day, decrypts_until: null }

test.each([
  [0, 'in use', 'announced'],
  [7 * day - 1, 'in use', 'announced'],
  [7 * day, 'ending', 'in use'],
  [37 * day, 'ended', 'in use'],
])('one key follows another at second %i', (now, ofOld, ofNext) => {
  const keys = [next, old]
  expect([samlKeyState(keys, old, now), samlKeyState(keys, next, now)]).toEqual([ofOld, ofNext])
})

test('a key alone is in use', () => {
  expect(samlKeyState([next], next, 8 * day)).toBe('in use')
})
