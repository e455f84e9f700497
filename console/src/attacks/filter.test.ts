import { describe, expect, test } from 'vitest'
import type { Filter } from '../api/types'
import { attackFilter, narrowest, saidBy, type Words } from './filter'
import { readAttackSearch } from './search'

const now = 1_800_000_000

function words(filter: Filter, hasPeriod = 'time' in filter): Words {
  return { filter, hasPeriod }
}

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
    const said = words({ type: ['sqli'], ip: ['1.1.1.1'], time: [[now - 999_999, now]], '!state': 'falsepositive' })
    const filter = attackFilter('attacks', { q: 'sqli', types: ['xss'], period: '24h' }, said, now)
    expect(filter).toMatchObject({ ip: ['1.1.1.1'], type: ['xss'], time: [[now - 86_400, now]] })
  })

  test('leaves out what the words exclude, besides what is never shown', () => {
    const some = words({ '!type': ['sqli', 'xss'], '!ip': ['1.1.1.1'] })
    const filter = attackFilter('attacks', { q: '!sqli !xss' }, some, now)
    expect(filter).toMatchObject({ '!type': ['warn', 'marker', 'bot', 'vectors', 'sqli', 'xss'], '!ip': ['1.1.1.1'] })
    expect(attackFilter('incidents', {}, words({ '!type': 'rce' }), now)['!type']).toContain('rce')
  })

  test('has the period of the words where none is chosen', () => {
    const time = [[now - 3 * 86_400, now], [5, 9]]
    const said = words({ time })
    expect(attackFilter('attacks', { q: 'x' }, said, now)).toHaveProperty('time', time)
    expect(attackFilter('attacks', { q: 'x', period: 'all' }, said, now)).toHaveProperty('time', time)
    expect(attackFilter('attacks', { q: 'x', period: '1h' }, said, now)).toHaveProperty('time', [[now - 3600, now]])
    expect(saidBy(said)).toEqual({ period: true, marking: false })
  })

  test('does not take the month of words without a period for one', () => {
    const said = words({ time: [[now - 30 * 86_400, now]] }, false)
    expect(saidBy(said).period).toBe(false)
    expect(attackFilter('attacks', { q: 'x' }, said, now)).toHaveProperty('time', [[now - 86_400, null]])
    expect(attackFilter('attacks', { q: 'x', period: 'all' }, said, now)).not.toHaveProperty('time')
  })

  test('asks for a time that never was where chosen period and words have none in common', () => {
    const yesterday = words({ time: [[now - 2 * 86_400, now - 86_400]] })
    expect(attackFilter('attacks', { q: 'x', period: '1h' }, yesterday, now)).toHaveProperty('time', [[0, 0]])
  })

  test('has the false positives that the words ask for, until something else is chosen', () => {
    const said = words({ state: 'falsepositive' })
    const filter = attackFilter('attacks', { q: 'falsepositive' }, said, now)
    expect(filter).toHaveProperty('state', 'falsepositive')
    expect(filter).not.toHaveProperty('!state')
    const chosen = attackFilter('attacks', { q: 'falsepositive', marking: 'real' }, said, now)
    expect(chosen).toHaveProperty('!state', 'falsepositive')
    expect(chosen).not.toHaveProperty('state')
  })

  test('turns the marking round', () => {
    expect(attackFilter('attacks', { marking: 'false' }, undefined, now)).toMatchObject({ state: 'falsepositive' })
    expect(attackFilter('attacks', { marking: 'any' }, undefined, now)).not.toHaveProperty('!state')
  })
})

test('of two periods the later beginning wins', () => {
  expect(narrowest([[100, null]], [[50, 80], [70, 110], [120, null]])).toEqual([[100, 110], [120, null]])
  expect(narrowest(undefined, [[50, null]])).toEqual([[50, null]])
  expect(narrowest([[100, null]], 'nonsense')).toEqual([[100, null]])
})

describe('the address bar', () => {
  test('is read into filters', () => {
    const search = { period: '7d', types: ['sqli', 'xss'], status: 'blocked', marking: 'any', sort: '-hits', page: 3, q: 'ip:1.1.1.1', attack: 'attacks_production_1_202601_v_1:abc-_9' }
    expect(readAttackSearch(search)).toEqual(search)
  })

  test('may choose what would be so by itself, against the words', () => {
    expect(readAttackSearch({ period: '24h', marking: 'real', q: 'falsepositive july' }))
      .toEqual({ period: '24h', marking: 'real', q: 'falsepositive july' })
  })

  test('is not believed blindly', () => {
    expect(readAttackSearch({ period: 'x', types: ['<b>'], status: 'gone', sort: 'a b', page: -1, attack: 'no colon' })).toEqual({})
  })
})
