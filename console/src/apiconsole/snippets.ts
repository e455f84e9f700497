/** A call of the API Console as a program: what to paste into a script. */

export interface Call {
  method: string
  url: string
  headers: Readonly<Record<string, string>>
  body: string | null
}

export type Language = 'curl' | 'python' | 'go' | 'javascript'

const secretHeaders: Record<string, string> = {
  authorization: 'BARTIZAN_SESSION',
  'x-wallarmapi-token': 'BARTIZAN_TOKEN',
  'x-wallarmapi-uuid': 'BARTIZAN_UUID',
  'x-wallarmapi-secret': 'BARTIZAN_SECRET',
}

interface Header {
  name: string
  /** Text, or the environment variable that holds a secret. */
  value: { text: string } | { variable: string }
}

/** The headers of a program: keys come from the environment, and there is always one. */
function headersOf(call: Call): Header[] {
  const headers = Object.entries(call.headers)
    .filter(([name]) => name.toLowerCase() !== 'authorization')
    .map(([name, text]): Header => {
      const variable = secretHeaders[name.toLowerCase()]
      return { name, value: variable === undefined ? { text } : { variable } }
    })
  const keyed = headers.some(({ value }) => 'variable' in value)
  return keyed ? headers : [{ name: 'X-WallarmApi-Token', value: { variable: 'BARTIZAN_TOKEN' } }, ...headers]
}

const quoted = (text: string) => JSON.stringify(text)
const shell = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`

function curl(call: Call): string {
  const headers = headersOf(call).map(({ name, value }) =>
    'variable' in value ? `-H "${name}: $${value.variable}"` : `-H ${shell(`${name}: ${value.text}`)}`)
  const body = call.body === null ? [] : [`--data ${shell(call.body)}`]
  return [`curl -X ${call.method} ${shell(call.url)}`, ...headers, ...body].join(' \\\n  ')
}

function python(call: Call): string {
  const headers = headersOf(call).map(({ name, value }) =>
    `    ${quoted(name)}: ${'variable' in value ? `os.environ[${quoted(value.variable)}]` : quoted(value.text)},`)
  const body = call.body === null ? [] : [`    data=${quoted(call.body)}.encode(),`]
  return [
    'import os', '', 'import requests', '',
    'answer = requests.request(', `    ${quoted(call.method)},`, `    ${quoted(call.url)},`,
    '    headers={', ...headers.map((line) => `    ${line}`), '    },', ...body, ')',
    'answer.raise_for_status()', 'print(answer.json())',
  ].join('\n')
}

function go(call: Call): string {
  const headers = headersOf(call).map(({ name, value }) =>
    `\trequest.Header.Set(${quoted(name)}, ${'variable' in value ? `os.Getenv(${quoted(value.variable)})` : quoted(value.text)})`)
  const body = call.body === null ? 'nil' : `strings.NewReader(${quoted(call.body)})`
  const imports = ['fmt', 'io', 'net/http', 'os', ...(call.body === null ? [] : ['strings'])]
  return [
    'package main', '', 'import (', ...imports.map((name) => `\t${quoted(name)}`), ')', '',
    'func main() {',
    `\trequest, err := http.NewRequest(${quoted(call.method)}, ${quoted(call.url)}, ${body})`,
    '\tif err != nil {', '\t\tpanic(err)', '\t}',
    ...headers,
    '\tanswer, err := http.DefaultClient.Do(request)',
    '\tif err != nil {', '\t\tpanic(err)', '\t}',
    '\tdefer answer.Body.Close()',
    '\ttext, err := io.ReadAll(answer.Body)',
    '\tif err != nil {', '\t\tpanic(err)', '\t}',
    '\tfmt.Println(answer.Status, string(text))',
    '}',
  ].join('\n')
}

function javascript(call: Call): string {
  const headers = headersOf(call).map(({ name, value }) =>
    `    ${quoted(name)}: ${'variable' in value ? `process.env.${value.variable}` : quoted(value.text)},`)
  const body = call.body === null ? [] : [`  body: ${quoted(call.body)},`]
  return [
    `const answer = await fetch(${quoted(call.url)}, {`, `  method: ${quoted(call.method)},`,
    '  headers: {', ...headers, '  },', ...body, '})',
    'if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)',
    'console.log(await answer.json())',
  ].join('\n')
}

const writers: Record<Language, (call: Call) => string> = { curl, python, go, javascript }

/** The call in a language. */
export function snippet(language: Language, call: Call): string {
  return writers[language](call)
}

/** A request as Swagger UI holds it, an immutable map. */
interface HeldRequest {
  get: (name: string) => unknown
}

const isMap = (value: unknown): value is { toJS: () => Record<string, unknown> } =>
  typeof value === 'object' && value !== null && 'toJS' in value

function callOf(request: HeldRequest): Call {
  const held = request.get('headers')
  const headers = isMap(held) ? held.toJS() : {}
  const body = request.get('body')
  const text = isMap(body) ? JSON.stringify(body.toJS()) : typeof body === 'string' && body !== '' ? body : null
  return {
    method: String(request.get('method') ?? 'GET').toUpperCase(),
    url: String(request.get('url') ?? ''),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    body: text,
  }
}

const titles: Record<Language, string> = { curl: 'curl', python: 'Python', go: 'Go', javascript: 'JavaScript' }
const highlighting: Record<Language, string> = { curl: 'bash', python: 'python', go: 'go', javascript: 'javascript' }
const languages = ['curl', 'python', 'go', 'javascript'] as const

/** Settings of Swagger UI that offer the languages. */
export const requestSnippets = {
  generators: Object.fromEntries(languages.map((language) => [language, { title: titles[language], syntax: highlighting[language] }])),
  defaultExpanded: true,
  languages: [...languages],
}

/** The plugin of Swagger UI that writes the programs. */
export const snippetPlugin = {
  fn: Object.fromEntries(languages.map((language) => [
    `requestSnippetGenerator_${language}`,
    (request: HeldRequest) => snippet(language, callOf(request)),
  ])),
}
