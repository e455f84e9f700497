import { expect, test } from 'vitest'
import { nameOf, ownerOf } from './people'

const people = [
  { id: 4, realname: 'Ada Admin', email: 'ada@acme.test' },
  { id: 5, realname: '', email: 'eve@acme.test' },
]

test('a person is told by name, else by address, else by number', () => {
  expect(nameOf(people, 4)).toBe('Ada Admin')
  expect(nameOf(people, 5)).toBe('eve@acme.test')
  expect(nameOf(people, 6)).toBe('User 6')
  expect(nameOf(undefined, 6)).toBe('User 6')
})

test('a token without an owner is shared', () => {
  expect(ownerOf(people, { user_id: 4 })).toEqual({ name: 'Ada Admin', email: 'ada@acme.test' })
  expect(ownerOf(people, { user_id: 6 })).toEqual({ name: 'User 6' })
  expect(ownerOf(people, { user_id: null })).toEqual({ name: 'All administrators' })
  expect(ownerOf(people, {})).toEqual({ name: 'All administrators' })
})
