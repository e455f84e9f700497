import { expect, test } from 'vitest'
import { markBytes, markCharacters, markOccurrences, type Piece } from './marks'

/** Marked pieces in brackets. */
function shown(pieces: Piece[]): string {
  return pieces.map(({ text, marked }) => (marked ? `[${text}]` : text)).join('')
}

test('spans count characters as the API does', () => {
  expect(shown(markCharacters("1' or 1=1--", [1, 9]))).toBe("1[' or 1=1]--")
  expect(shown(markCharacters('😀é<x>y', [2, 5]))).toBe('😀é[<x>]y')
  expect(shown(markCharacters('abc', [2, 2]))).toBe('abc')
  expect(shown(markCharacters('abc', [1, 9]))).toBe('a[bc]')
})

test('spans of bytes are those of UTF-8, and merge', () => {
  expect(shown(markBytes('é<x>y', [[2, 5]]))).toBe('é[<x>]y')
  expect(shown(markBytes('abcdef', [[1, 3], [2, 4], [5, 6]]))).toBe('a[bcd]e[f]')
  expect(shown(markBytes('abc', []))).toBe('abc')
})

test('nothing is marked where bytes cannot be counted', () => {
  expect(shown(markBytes('ab\ufffdcd', [[0, 1], [4, 5]]))).toBe('[a]b\ufffdcd')
  expect(shown(markBytes('abc', [[240, 250]]))).toBe('abc')
})

test('every occurrence of a text is marked, and nothing is lost', () => {
  expect(shown(markOccurrences('a<x>b<x>', '<x>'))).toBe('a[<x>]b[<x>]')
  expect(shown(markOccurrences('text', ''))).toBe('text')
})
