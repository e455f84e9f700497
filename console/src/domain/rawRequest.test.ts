import { expect, test } from 'vitest'
import { characters, highlight, requestText } from './rawRequest'

test('a request reads as it travelled', () => {
  const request = { method: 'POST', uri: '/a?b=1', proto: 'HTTP/1.1', headers: { HOST: ['shop.test'], 'X-FORWARDED-FOR': ['1.1.1.1', '2.2.2.2'] }, body: '{}' }
  expect(requestText(request)).toBe('POST /a?b=1 HTTP/1.1\nHost: shop.test\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2\n\n{}')
})

test('every occurrence of the payload is marked, and nothing is lost', () => {
  const pieces = highlight('a<x>b<x>', '<x>')
  expect(pieces.filter((piece) => piece.hit)).toHaveLength(2)
  expect(pieces.map((piece) => piece.text).join('')).toBe('a<x>b<x>')
  expect(highlight('text', '')).toEqual([{ text: 'text', hit: false }])
})

test('spans count characters as the API does', () => {
  expect(characters("1' or 1=1--", [1, 9])).toBe("' or 1=1")
  expect(characters('😀é<x>', [2, 5])).toBe('<x>')
})
