import { describe, expect, test } from 'vitest'
import { messageOf, saysUnauthenticated, toApiError } from './errors'

describe('an error answer', () => {
  test('with a text shows that text', () => {
    const error = toApiError(401, { status: 401, body: 'Invalid login or password' })
    expect(error.message).toBe('Invalid login or password')
    expect(error.status).toBe(401)
  })

  test('with error and value shows both', () => {
    expect(toApiError(400, { status: 400, body: { error: 'limit is too big', value: 5000 } }).message).toBe('limit is too big: 5000')
  })

  test('about a quota says what that means, for requests and for users', () => {
    const error = toApiError(402, { status: 402, body: 'Payment required' })
    expect(error.message).toContain('quota of this month')
    expect(error.message).toContain('as many users as it allows')
    expect(error.detail).toBe('Payment required')
  })

  test('keyed by field keeps the fields', () => {
    const error = toApiError(400, { status: 400, body: { regex: { error: 'is too complex', value: 'x.{50}' } } })
    expect(error.fields).toEqual({ regex: 'is too complex' })
    expect(error.message).toBe('regex is too complex')
  })

  test('of another shape falls back to words for its status', () => {
    expect(toApiError(429, undefined).message).toContain('Too many requests')
    expect(toApiError(502, '<html>').message).toBe('<html>')
    expect(toApiError(503, { status: 503 }).message).toContain('server failed')
    expect(toApiError(418, null).message).toContain('418')
  })

  test('keeps the conflicting entries for callers that know them', () => {
    const body = { conflicts: [{ id: 1, list: 'allow', value: '198.51.100.7/32' }] }
    expect(toApiError(409, { status: 409, body }).detail).toEqual(body)
  })
})

test('a broken connection is told apart from a refusal', () => {
  expect(messageOf(new TypeError('Failed to fetch'))).toContain('cannot be reached')
})

test('nobody signed in is told apart from somebody without the right', () => {
  expect(saysUnauthenticated(toApiError(401, { status: 401, body: 'Session expired' }))).toBe(true)
  expect(saysUnauthenticated(toApiError(403, { status: 403, body: 'User not authenticated' }))).toBe(true)
  expect(saysUnauthenticated(toApiError(403, { status: 403, body: 'Access denied' }))).toBe(false)
})
