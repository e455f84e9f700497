import { expect, test } from 'vitest'
import { allRows, PAGE_ROWS } from './pages'

const list = (size: number) => {
  const asked: number[] = []
  const read = ({ limit, offset }: { limit: number; offset: number }) => {
    asked.push(offset)
    return Promise.resolve(Array.from({ length: Math.min(limit, Math.max(0, size - offset)) }, (_, row) => offset + row))
  }
  return { asked, read }
}

test('a list of several pages is read whole, each row once', async () => {
  const { asked, read } = list(PAGE_ROWS * 2 + 5)
  const rows = await allRows(read)
  expect(rows).toHaveLength(PAGE_ROWS * 2 + 5)
  expect(new Set(rows).size).toBe(rows.length)
  expect(asked).toEqual([0, PAGE_ROWS, PAGE_ROWS * 2])
})

test('a page that is just full is followed by an empty one', async () => {
  const { asked, read } = list(PAGE_ROWS)
  expect(await allRows(read)).toHaveLength(PAGE_ROWS)
  expect(asked).toEqual([0, PAGE_ROWS])
})
