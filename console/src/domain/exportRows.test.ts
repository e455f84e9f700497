import { expect, test } from 'vitest'
import { toCsv } from './exportRows'

test('cells are quoted where the format needs it', () => {
  expect(toCsv(['a', 'b'], [['x,y', 'say "hi"'], [1, null]])).toBe('a,b\r\n"x,y","say ""hi"""\r\n1,\r\n')
})

test('a payload never becomes a formula', () => {
  expect(toCsv(['value'], [['=HYPERLINK("http://evil.test")'], ['@SUM(1)'], [-5]])).toBe(
    'value\r\n"\'=HYPERLINK(""http://evil.test"")"\r\n\'@SUM(1)\r\n-5\r\n',
  )
})
