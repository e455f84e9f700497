import { expect, test } from 'vitest'
import { markedRequest, requestText } from './rawRequest'

const request = {
  method: 'POST', uri: '/a?b=%27', proto: 'HTTP/1.1',
  headers: { HOST: ['shop.test'], 'X-FORWARDED-FOR': ['1.1.1.1', '2.2.2.2'], 'X-A': ["é' or 1"] }, body: "{' or 1}",
}

function marked(point: unknown[], value: string, place?: { part: 'uri' | 'header' | 'body'; span: number[] }): string {
  const found = { point, value, sign_place: place === undefined ? null : { value: null, request: place } }
  return markedRequest(request, found).map(({ text, marked }) => (marked ? `[${text}]` : text)).join('')
}

test('a request reads as it travelled', () => {
  expect(requestText(request)).toBe(
    "POST /a?b=%27 HTTP/1.1\nHost: shop.test\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2\nX-A: é' or 1\n\n{' or 1}",
  )
  expect(requestText({ ...request, headers: {}, body: '' })).toBe('POST /a?b=%27 HTTP/1.1')
})

test('a sign is marked in its place only', () => {
  expect(marked(['get', 'b'], "'", { part: 'uri', span: [5, 8] })).toContain('POST /a?b=[%27] HTTP')
  expect(marked(['post'], "' or 1", { part: 'body', span: [1, 7] })).toMatch(/X-A: é' or 1\n\n{\[' or 1\]}$/)
  expect(marked(['header', 'X-A'], "' or 1", { part: 'header', span: [1, 7] })).toMatch(/X-A: é\[' or 1\]\n\n{' or 1}$/)
})

test('without a place every occurrence of the payload is marked', () => {
  expect(marked(['post'], "' or 1")).toMatch(/X-A: é\[' or 1\]\n\n{\[' or 1\]}$/)
})
