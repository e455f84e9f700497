import { describe, expect, test } from 'vitest'
import { networkProblem, splitEntries, subnetProblem } from './addresses'

test('pasted lists are split and repeats dropped', () => {
  expect(splitEntries(' 1.1.1.1, 2.2.2.0/24\n1.1.1.1;\t2001:db8::1 ')).toEqual(['1.1.1.1', '2.2.2.0/24', '2001:db8::1'])
})

describe('an entry', () => {
  test.each(['198.51.100.7', '203.0.113.0/24', '10.0.0.0/8', '::1', '2001:db8::/32', 'fe80::1:2', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8'])('%s is taken', (entry) => {
    expect(subnetProblem(entry)).toBeUndefined()
  })

  test.each(['300.1.1.1', '1.1.1', 'shop.test', '1.1.1.1/24/8', '1::2::3', '1:2:3:4:5:6:7', ''])('%s is refused', (entry) => {
    expect(subnetProblem(entry)).toContain('is not an IP address')
  })

  test.each(['10.0.0.0/7', '10.0.0.0/33', '2001:db8::/16', '10.0.0.0/', '10.0.0.0/x'])('%s is refused for its mask', (entry) => {
    expect(subnetProblem(entry)).toContain('mask')
  })
})

test('a network may have any mask', () => {
  expect(['0.0.0.0/0', '10.0.0.0/7', '::/0', '192.0.2.1'].map(networkProblem)).toEqual([undefined, undefined, undefined, undefined])
  expect(networkProblem('10.0.0.0/33')).toContain('between /0 and /32')
  expect(networkProblem('office')).toContain('is not an IP address')
})
