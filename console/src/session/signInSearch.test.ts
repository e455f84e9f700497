import { expect, test } from 'vitest'
import { readRefusal, readSignInSearch, refusalText } from './signInSearch'

test('what is no path of this site is not somewhere to return to, and said so for the router', () => {
  const read = readSignInSearch({ redirect: 'https://evil.test/', expired: 'yes', error: 5, about: 'x' })
  expect(read).toStrictEqual({ redirect: undefined, expired: undefined, error: undefined, about: undefined })
  expect(readSignInSearch({ redirect: '/rules?kind=vpatch', expired: true }).redirect).toBe('/rules?kind=vpatch')
})

test('a refusal tells a user without single sign-on from a company without', () => {
  const byUser = readRefusal({ error: 'saml_auth_not_found', userid: 5 })
  const byClient = readRefusal({ error: 'saml_auth_not_found', clientid: '3' })
  expect(byUser).toEqual({ error: 'saml_auth_not_found', about: 'user' })
  expect(refusalText(byUser)).toContain('for your account')
  expect(refusalText(byClient)).toContain('Your company has no single sign-on')
  expect(refusalText(readRefusal({ error: 'saml_auth_not_found' }))).toContain('for you or your company')
})

test('every other code has its text, an unknown one the general one', () => {
  expect(refusalText(readRefusal({ error: 'role_not_mapped', userid: 5 }))).toContain('None of your groups')
  expect(refusalText({ error: 'constructor' })).toBe('Single sign-on did not work.')
  expect(refusalText(readRefusal({ userid: 5 }))).toBeUndefined()
})
