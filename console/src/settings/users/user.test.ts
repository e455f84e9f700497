import { expect, test } from 'vitest'
import { readUserSearch } from './search'
import { accessRefusal, apiAccessRefusal, beyondReach, factorLabel, factorResetRefusal, methodLabel, ssoSwitchRefusal, stateOf, type Known } from './user'

const person: Known = {
  id: 5, enabled: true, validated: true, permissions: ['analytic'], actual_permissions: ['view_attack'],
  available_authentications: ['default'], sso_managed: false, mfa_enabled: false,
}
const admin: Known = { ...person, permissions: ['admin'], actual_permissions: ['update_sso'] }
const off = { state: 'draft', strict: false, provisioning: false }
const byUser = { ...off, state: 'active' }
const strict = { ...byUser, strict: true, fallback_user_id: 9 }
const provisioned = { ...byUser, provisioning: true }

test('the state says who can sign in', () => {
  expect(stateOf(person)).toBe('active')
  expect(stateOf({ ...person, validated: false })).toBe('invited')
  expect(stateOf({ ...person, validated: false, enabled: false })).toBe('inactive')
})

test('ways to sign in are told in words', () => {
  expect(methodLabel(person)).toBe('Password')
  expect(methodLabel({ ...person, available_authentications: ['saml', 'api'] })).toBe('SAML, with API')
  expect(factorLabel({ ...person, available_authentications: ['oidc'] })).toBe('At the provider')
  expect(factorLabel({ ...person, mfa_enabled: true })).toBe('On')
})

test('nobody ends the own access, nor that of users whom a provider manages', () => {
  expect(accessRefusal(person, 5)).toBe('You cannot change your own access')
  expect(accessRefusal({ ...person, sso_managed: true }, 1)).toBe('Managed by the identity provider')
  expect(accessRefusal(person, 1)).toBeUndefined()
})

test('single sign-on is switched by user only where nothing else decides', () => {
  expect(ssoSwitchRefusal(person, undefined)).toBe('Single sign-on is not active')
  expect(ssoSwitchRefusal(person, off)).toBe('Single sign-on is not active')
  expect(ssoSwitchRefusal(person, byUser)).toBeUndefined()
  expect(ssoSwitchRefusal(person, provisioned)).toContain('identity provider decides')
  expect(ssoSwitchRefusal(person, strict)).toBeUndefined()
  expect(ssoSwitchRefusal({ ...person, available_authentications: ['saml'] }, strict)).toBe('Everybody must use single sign-on')
  expect(ssoSwitchRefusal({ ...person, id: 9 }, strict)).toBe('The fallback account keeps its password')
})

test('API access is for administrators of a provider', () => {
  const saml = { available_authentications: ['saml'] }
  expect(apiAccessRefusal(person, strict)).toContain('anyway')
  expect(apiAccessRefusal({ ...person, ...saml }, strict)).toBe('Only for administrators')
  expect(apiAccessRefusal({ ...admin, ...saml }, strict)).toBeUndefined()
  expect(apiAccessRefusal({ ...admin, ...saml }, provisioned)).toBeUndefined()
  expect(apiAccessRefusal({ ...admin, ...saml }, byUser)).toContain('everybody')
  // It can be ended whatever became of single sign-on.
  expect(apiAccessRefusal({ ...person, available_authentications: ['saml', 'api'] }, byUser)).toBeUndefined()
})

test('a second factor is reset where there is one, and not the own one', () => {
  expect(factorResetRefusal(person, 1)).toBe('There is no second factor')
  expect(factorResetRefusal({ ...person, mfa_enabled: true }, 1)).toBeUndefined()
  expect(factorResetRefusal({ ...person, mfa_enabled: true }, 5)).toContain('My sign-in')
  expect(factorResetRefusal({ ...person, available_authentications: ['ldap'] }, 1)).toContain('provider')
})

test('filters of the address bar are taken when they fit', () => {
  expect(readUserSearch({ role: 'admin', state: 'invited', sort: '-email' })).toEqual({ role: 'admin', state: 'invited', sort: '-email' })
  expect(readUserSearch({ role: 'Ad min', state: 'gone', page: '0' })).toEqual({})
})

test('who has more rights is out of reach, unless a password stays or is gone already', () => {
  const extended: Known = { ...admin, id: 7, actual_permissions: ['update_sso', 'create_disable_stamp'] }
  const own = { actual_permissions: ['update_sso', 'view_attack'] }
  expect(beyondReach([person, admin, extended], own, null)?.id).toBe(7)
  expect(beyondReach([person, admin, extended], own, 7)).toBeUndefined()
  expect(beyondReach([{ ...extended, available_authentications: ['saml'] }], own, null)).toBeUndefined()
  expect(beyondReach([admin, extended], extended, null)).toBeUndefined()
})
