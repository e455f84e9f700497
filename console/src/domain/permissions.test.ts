import { expect, test } from 'vitest'
import { refusal, roleLabel, usesConsole } from './permissions'

test('a missing right is explained, a held one is not', () => {
  const analyst = { actual_permissions: ['create_rule'] }
  expect(refusal(analyst, 'create_rule')).toBeUndefined()
  expect(refusal(analyst, 'delete_node')).toBe('Your role cannot delete nodes')
  expect(refusal(undefined, 'create_rule')).toContain('Loading')
})

test('roles have names; a custom set is called so', () => {
  expect(roleLabel(['admin'])).toBe('Administrator')
  expect(roleLabel(['view_attack', 'view_node'])).toBe('Custom permissions')
  expect(roleLabel([])).toBe('No access')
})

test('only the role for adding nodes has no Console', () => {
  expect(usesConsole({ permissions: ['deploy'] })).toBe(false)
  expect(['admin', 'auditor', 'api_developer', 'partner_auditor'].every((role) => usesConsole({ permissions: [role] }))).toBe(true)
  expect(usesConsole({ permissions: ['create_node', 'view_node'] })).toBe(true)
})
