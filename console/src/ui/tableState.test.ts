import { expect, test } from 'vitest'
import { compareValues, nextOrder, readOrder, readTableState, writeOrder } from './tableState'

test('an order survives the address bar', () => {
  expect(writeOrder(readOrder('-last_time', 'id'))).toBe('-last_time')
  expect(readOrder(undefined, 'id')).toEqual({ id: 'id', desc: false })
})

test('pressing a heading again turns the order round', () => {
  expect(nextOrder({ id: 'a', desc: false }, 'a')).toEqual({ id: 'a', desc: true })
  expect(nextOrder({ id: 'a', desc: true }, 'b')).toEqual({ id: 'b', desc: false })
})

test('numbers sort by size, texts as people do, nothing comes last', () => {
  expect([10, 9, null, 1].sort(compareValues)).toEqual([1, 9, 10, null])
  expect(['node 10', 'Node 2', 'alpha'].sort(compareValues)).toEqual(['alpha', 'Node 2', 'node 10'])
})

test('unfit parameters are dropped', () => {
  expect(readTableState({ sort: '__proto__!', page: '1e9', q: '' })).toEqual({})
  expect(readTableState({ sort: 'name', page: '2', q: 5 })).toEqual({ sort: 'name', page: 2, q: '5' })
})
