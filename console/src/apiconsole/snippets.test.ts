import { expect, test } from 'vitest'
import { snippet, type Call } from './snippets'

const call: Call = {
  method: 'POST',
  url: 'https://us1.api.example/v1/objects/user',
  headers: { accept: 'application/json', 'X-WallarmApi-Token': 'the real one', 'Content-Type': 'application/json' },
  body: '{"filter":{"realname":"O\'Neil"}}',
}

test('keys come from the environment, never from the page', () => {
  for (const language of ['curl', 'python', 'go', 'javascript'] as const) {
    const text = snippet(language, call)
    expect(text).not.toContain('the real one')
    expect(text).toContain('BARTIZAN_TOKEN')
  }
})

test('a quote in the body does not end the argument of the shell', () => {
  expect(snippet('curl', call)).toContain(String.raw`--data '{"filter":{"realname":"O'\''Neil"}}'`)
})

test('a call of the session is shown with a token', () => {
  const text = snippet('python', { ...call, headers: { Authorization: 'Bearer bzs_x' }, body: null })
  expect(text).toContain('"X-WallarmApi-Token": os.environ["BARTIZAN_TOKEN"]')
  expect(text).not.toContain('bzs_x')
  expect(text).not.toContain('data=')
})

test('a Go program imports what it uses', () => {
  expect(snippet('go', call)).toContain('"strings"')
  expect(snippet('go', { ...call, body: null })).not.toContain('"strings"')
})
