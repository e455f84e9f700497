import { expect, test } from 'vitest'
import { safeReturnPath } from './returnPath'

test('a path of this site is kept', () => {
  expect(safeReturnPath('/rules?kind=vpatch')).toBe('/rules?kind=vpatch')
})

test.each(['//evil.test', '/\\evil.test', '/\t/evil.test', 'https://evil.test', 'javascript:alert(1)', '/sign-in?redirect=/', 5, undefined])(
  '%s is not somewhere to return to',
  (value) => {
    expect(safeReturnPath(value)).toBeUndefined()
  },
)
