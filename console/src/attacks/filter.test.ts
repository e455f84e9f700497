import { describe, expect, test } from 'vitest'
import { attackFilter, narrowest } from './filter'
import { readAttackSearch } from './search'

const now = 1_800_000_000

describe('the filter of an event list', () => {
  test('shows attacks of the last day without false positives by default', () => {
    expect(attackFilter('attacks', {}, undefined, now)).toEqual({
      vulnid: null, '!type': ['warn', 'marker', 'bot', 'vectors'], '!state': 'falsepositive', time: [[now - 86_400, null]],
    })
  })

  test('asks for linked vulnerabilities when incidents are wanted', () => {
    const filter = attackFilter('incidents', {}, undefined, now)
    expect(filter).toHaveProperty('!vulnid', null)
    expect(filter).not.toHaveProperty('vulnid')
  })

  test('has no time when all time is chosen', () => {
    expect(attackFilter('attacks', { period: 'all' }, undefined, now)).not.toHaveProperty('time')
  })

  test('keeps what the search words said, within the chosen period', () => {
    const words = { type: ['sqli'], ip: ['1.1.1.1'], time: [[now - 999_999, now]], '!state': 'falsepositive' }
    const filter = attackFilter('attacks', { q: 'sqli', types: ['xss'] }, words, now)
    expect(filter).toMatchObject({ ip: ['1.1.1.1'], type: ['xss'], time: [[now - 86_400, now]] })
  })

  test('turns the marking round', () => {
    expect(attackFilter('attacks', { marking: 'false' }, undefined, now)).toMatchObject({ state: 'falsepositive' })
    expect(attackFilter('attacks', { marking: 'any' }, undefined, now)).not.toHaveProperty('!state')
  })
})

test('of two periods the later beginning wins', () => {
  expect(narrowest([[100, null]], [[50, 80], [120, 130]])).toEqual([[100, 80], [120, 130]])
  expect(narrowest(undefined, [[50, null]])).toEqual([[50, null]])
  expect(narrowest([[100, null]], 'nonsense')).toEqual([[100, null]])
})

describe('the address bar', () => {
  test('is read into filters', () => {
    const search = { period: '7d', types: ['sqli', 'xss'], status: 'blocked', marking: 'any', sort: '-hits', page: 3, q: 'ip:1.1.1.1', attack: 'attacks_production_1_202601_v_1:abc-_9' }
    expect(readAttackSearch(search)).toEqual(search)
  })

  test('is not believed blindly', () => {
    expect(readAttackSearch({ period: 'x', types: ['<b>'], status: 'gone', sort: 'a b', page: -1, attack: 'no colon' })).toEqual({})
  })
})
