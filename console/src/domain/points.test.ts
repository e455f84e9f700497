import { expect, test } from 'vitest'
import { pointElements, pointText, presetPoint } from './points'

test('a flat chain is split by what takes a key', () => {
  expect(pointElements(['post', 'json_doc', 'hash', 'user', 'array', 0])).toEqual([['post'], ['json_doc'], ['hash', 'user'], ['array', 0]])
  expect(pointElements(['header', 'COOKIE', 'cookie', 'sid'])).toEqual([['header', 'COOKIE'], ['cookie', 'sid']])
})

test.each([
  [['get', 'q'], 'Query q'],
  [['post', 'json_doc', 'hash', 'login'], 'Body › JSON › login'],
  [['path', 0], 'Path segment 1'],
  [['get', 'token', 'base64'], 'Query token › Base64'],
  [[], 'Whole request'],
])('%j reads as %s', (point, text) => {
  expect(pointText(point)).toBe(text)
})

test('a rule without a point is for the whole request', () => {
  expect(pointText(null)).toBe('Whole request')
})

test('presets become points', () => {
  expect(presetPoint('json', 'items.0.name')).toEqual([['post'], ['json_doc'], ['hash', 'items'], ['array', 0], ['hash', 'name']])
  expect(presetPoint('header', 'X-Api')).toEqual([['header', 'X-API']])
  expect(presetPoint('cookie', 'sid')).toEqual([['header', 'COOKIE'], ['cookie', 'sid']])
})
