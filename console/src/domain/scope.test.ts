import { describe, expect, test } from 'vitest'
import { pathConditions, scopeConditions, scopeText, scopeView, type ScopeCondition } from './scope'

const c = (type: string, point: (string | number)[], value: string | null): ScopeCondition => ({ type, point, value })
const absent = (...point: (string | number)[]) => c('absent', point, null)
const equal = (value: string, ...point: (string | number)[]) => c('equal', point, value)

const paths: [path: string, conditions: ScopeCondition[]][] = [
  ['/', [equal('', 'action_name'), absent('action_ext'), absent('path', 0)]],
  ['/orders', [equal('orders', 'action_name'), absent('action_ext'), absent('path', 0)]],
  ['/api/v1/users', [equal('users', 'action_name'), absent('action_ext'), equal('api', 'path', 0), equal('v1', 'path', 1), absent('path', 2)]],
  ['/api/*/users', [equal('users', 'action_name'), absent('action_ext'), equal('api', 'path', 0), absent('path', 2)]],
  ['/api/**/users', [equal('users', 'action_name'), absent('action_ext'), equal('api', 'path', 0)]],
  ['/api/*', [absent('action_ext'), equal('api', 'path', 0), absent('path', 1)]],
  ['/api/**/*.*', [equal('api', 'path', 0)]],
  ['/user/{{[0-9]}}', [c('regex', ['action_name'], '[0-9]'), absent('action_ext'), equal('user', 'path', 0), absent('path', 1)]],
  ['/api/user.php', [equal('user', 'action_name'), equal('php', 'action_ext'), equal('api', 'path', 0), absent('path', 1)]],
  ['/**/*.*', []],
]

describe.each(paths)('the path %s', (path, conditions) => {
  test('becomes its conditions', () => {
    expect(pathConditions(path)).toEqual(conditions)
  })

  test('is read back from them', () => {
    expect(scopeView(conditions).path).toBe(path)
  })
})

test('a query belongs to the scope', () => {
  expect(pathConditions('/pay?mode=test')).toContainEqual(equal('test', 'get', 'mode'))
})

test('the last segment is split at its first dot', () => {
  expect(pathConditions('/a.tar.gz')).toEqual([equal('a', 'action_name'), equal('tar.gz', 'action_ext'), absent('path', 0)])
})

describe('a scope in one line', () => {
  test('without conditions is all traffic', () => {
    expect(scopeText([])).toBe('All traffic')
  })

  test('names method, host and path', () => {
    const conditions = scopeConditions({ application: '', domain: 'Shop.test', path: '/api/v1/users', method: 'POST' })
    expect(scopeText(conditions)).toBe('POST shop.test/api/v1/users')
  })

  test('leaves out a path that is every path', () => {
    expect(scopeText([c('iequal', ['header', 'HOST'], 'shop.test')])).toBe('shop.test')
  })
})

test('what has no place in an address is listed beside it', () => {
  const view = scopeView([
    equal('7', 'instance'), equal('acme', 'header', 'X-TENANT'), absent('get', 'debug'), c('regex', ['header', 'HOST'], '.*[.]test'),
  ])
  expect(view.application).toBe('7')
  expect(view.domain).toBe('{{.*[.]test}}')
  expect(view.rest).toEqual(['header X-TENANT = acme', 'get debug is absent'])
})

test('a form without any entry is the default scope', () => {
  expect(scopeConditions({ application: '', domain: ' ', path: '', method: '' })).toEqual([])
})
