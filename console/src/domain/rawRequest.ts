/** Shows a recorded request the way it travelled. */
export interface RecordedRequest {
  method: string
  uri: string
  proto: string
  headers: Record<string, string[]>
  body?: string | null
}

/** `USER-AGENT` as people write it: `User-Agent`. */
function headerName(name: string): string {
  return name.toLowerCase().replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
}

/** Request line, headers and body as text. */
export function requestText(request: RecordedRequest): string {
  const lines = [`${request.method} ${request.uri} ${request.proto}`]
  for (const [name, values] of Object.entries(request.headers)) {
    for (const value of values) lines.push(`${headerName(name)}: ${value}`)
  }
  const body = request.body ?? ''
  return body === '' ? lines.join('\n') : `${lines.join('\n')}\n\n${body}`
}

/** Cuts text into pieces, flagging those that equal the payload, for highlighting. */
export function highlight(text: string, payload: string): { text: string; hit: boolean }[] {
  if (payload === '') return [{ text, hit: false }]
  const pieces: { text: string; hit: boolean }[] = []
  let from = 0
  for (let at = text.indexOf(payload); at !== -1; at = text.indexOf(payload, from)) {
    if (at > from) pieces.push({ text: text.slice(from, at), hit: false })
    pieces.push({ text: payload, hit: true })
    from = at + payload.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from), hit: false })
  return pieces
}

/** A span of characters, counted as the API counts them: one for each code point. */
export function characters(text: string, [start, end]: readonly [number, number] | number[]): string {
  return Array.from(text).slice(start, end).join('')
}
