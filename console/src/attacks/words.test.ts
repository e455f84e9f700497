import { describe, expect, it } from 'vitest'
import { toApiError } from '../api/errors'
import { complete, mistakeIn, wordAt } from './words'

describe('words of a query', () => {
  it('are found under the cursor', () => {
    expect(wordAt('xss sq', 6)).toBe('sq')
    expect(wordAt('xss sq', 3)).toBe('xss')
    expect(wordAt('xss ', 4)).toBe('')
  })

  it('are replaced whole', () => {
    expect(complete('xss sq', 6, 'sqli')).toEqual({ text: 'xss sqli ', cursor: 9 })
    expect(complete('sq xss', 2, 'sqli')).toEqual({ text: 'sqli xss', cursor: 4 })
    expect(complete('sqx xss', 2, 'sqli')).toEqual({ text: 'sqli xss', cursor: 4 })
    expect(complete('stat', 4, 'statuscode:')).toEqual({ text: 'statuscode:', cursor: 11 })
  })
})

describe('a mistake', () => {
  it('is read from the answer of the search', () => {
    const body = { query: { error: 'unknown attribute', value: 'color', column: 6 } }
    expect(mistakeIn(toApiError(400, { status: 400, body }))).toEqual({ message: 'unknown attribute: color', column: 6 })
  })

  it('is not made of other failures', () => {
    expect(mistakeIn(toApiError(400, { status: 400, body: { limit: { error: 'x' } } }))).toBeUndefined()
    expect(mistakeIn(toApiError(500, 'x'))).toBeUndefined()
    expect(mistakeIn(undefined)).toBeUndefined()
  })
})
