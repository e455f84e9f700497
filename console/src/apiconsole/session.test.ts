import { expect, test } from 'vitest'
import { hasOwnKeys } from './session'

test.each(['X-WallarmApi-Token', 'x-wallarmapi-uuid', 'Authorization'])('%s is a key of the person\'s own', (name) => {
  expect(hasOwnKeys({ accept: '*/*', [name]: 'value' })).toBe(true)
})

test('other headers are not', () => {
  expect(hasOwnKeys({ accept: '*/*', 'Content-Type': 'application/json' })).toBe(false)
})
