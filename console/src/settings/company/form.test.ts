import { expect, test } from 'vitest'
import { ApiError, toApiError } from '../../api/errors'
import { changedSettings, formOf, problemsOf, refusedField, type Settings } from './form'

const stored: Settings = {
  idle_timeout: 86_400,
  absolute_timeout: 86_400,
  mfa_enforced: false,
  password_policy: { min_length: 8, require_special: false, rotation_days: null, history: 0 },
  allowed_networks: ['192.0.2.0/24', '2001:db8::/32'],
  allowed_networks_scope: 'both',
  audit_retention_days: 183,
}
const form = formOf(stored)

test('stored settings are a form without problems that changes nothing', () => {
  expect(form.idle_timeout).toBe('24 hours')
  expect(form.rotation_days).toBe('')
  expect(form.allowed_networks).toBe('192.0.2.0/24\n2001:db8::/32')
  expect(problemsOf(form)).toEqual({})
  expect(changedSettings(form, stored)).toEqual({})
})

test('only what differs is sent', () => {
  expect(changedSettings({ ...form, idle_timeout: '15 min', mfa_enforced: true }, stored)).toEqual({ idle_timeout: 900, mfa_enforced: true })
  expect(changedSettings({ ...form, rotation_days: '90', require_special: true }, stored)).toEqual({
    password_policy: { rotation_days: 90, require_special: true },
  })
  expect(changedSettings({ ...form, allowed_networks: '' }, stored)).toEqual({ allowed_networks: [] })
})

test('rotation that is emptied is switched off', () => {
  const rotating: Settings = { ...stored, password_policy: { ...stored.password_policy, rotation_days: 30 } }
  expect(changedSettings({ ...formOf(rotating), rotation_days: ' ' }, rotating)).toEqual({ password_policy: { rotation_days: null } })
})

test.each([
  ['idle_timeout', '1 minute'],
  ['idle_timeout', '8 days'],
  ['absolute_timeout', '31 days'],
  ['absolute_timeout', 'long'],
  ['min_length', '7'],
  ['min_length', '65'],
  ['rotation_days', '0'],
  ['rotation_days', '366'],
  ['history', ''],
  ['history', '2.5'],
  ['audit_retention_days', '89'],
  ['audit_retention_days', '-90'],
  ['allowed_networks', 'the office'],
] as const)('%s does not take "%s", and nothing else is told wrong', (name, typed) => {
  expect(Object.keys(problemsOf({ ...form, [name]: typed }))).toEqual([name])
})

test('the end of a session is not before its idle end', () => {
  expect(problemsOf({ ...form, idle_timeout: '8 h', absolute_timeout: '4 h' })).toEqual({ absolute_timeout: 'Not shorter than the time without activity' })
})

test('too many networks are counted', () => {
  const many = Array.from({ length: 101 }, (_, index) => `192.0.2.${index}`).join(' ')
  expect(problemsOf({ ...form, allowed_networks: many }).allowed_networks).toBe('At most 100 networks; these are 101')
})

test('the server names the field of its refusal', () => {
  const refusal = (error: string, value: unknown) => refusedField(toApiError(400, { status: 400, body: { error, value } }))
  expect(Object.keys(refusal('password_policy.history must be 0 to 24', 25))).toEqual(['history'])
  expect(refusal('allowed_networks must hold your own address', '192.0.2.7')).toEqual({
    allowed_networks: 'allowed_networks must hold your own address: 192.0.2.7',
  })
  expect(refusal('invalid request', null)).toEqual({})
  expect(refusedField(new ApiError(403, 'Access denied'))).toEqual({})
  expect(refusedField(new TypeError('mfa_enforced'))).toEqual({})
})
