import { expect, test } from 'vitest'
import { visibleText } from './visibleText'

test('what turns or hides text is written out', () => {
  expect(visibleText('a\u202egpj.exe')).toBe('a\\u202egpj.exe')
  expect(visibleText('\u2066x\u2069 \u200fy\u061c')).toBe('\\u2066x\\u2069 \\u200fy\\u061c')
  expect(visibleText('a\u200b\u00adb\ufeff')).toBe('a\\u200b\\u00adb\\ufeff')
  expect(visibleText('a\u{e0041}')).toBe('a\\ue0041')
  expect(visibleText('a\u0000b\u001bc\rd\u009b')).toBe('a\\u0000b\\u001bc\\u000dd\\u009b')
})

test('ordinary text of every script stays', () => {
  for (const text of ['', 'GET /a?b=c', 'line\nnext\tcell', 'a\r\nb', 'שלום עולם', 'می\u200cخواهم', '👩\u200d💻', 'ÄÖÜ']) expect(visibleText(text)).toBe(text)
})
