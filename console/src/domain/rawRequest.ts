/** Shows a recorded request the way it travelled. */
import { markCharacters, markOccurrences, whole, type Piece, type Span } from './marks'

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

/** A stretch of the shown request; those that a place can be in say so. */
interface Stretch {
  text: string
  part?: Place['part']
  /** Upper-case name, of a header's value. */
  header?: string
}

/** Where in a recorded request a sign stands. */
interface Place {
  part: 'uri' | 'header' | 'body'
  span: Span
}

interface Found {
  value: string
  point: readonly unknown[]
  sign_place?: { request?: Place | null } | null
}

/** Request line, headers and body, in the order in which they are shown. */
function stretches(request: RecordedRequest): Stretch[] {
  const head: Stretch[] = [{ text: `${request.method} ` }, { text: request.uri, part: 'uri' }, { text: ` ${request.proto}` }]
  const headers = Object.entries(request.headers).flatMap(([name, values]) =>
    values.flatMap((text): Stretch[] => [{ text: `\n${headerName(name)}: ` }, { text, part: 'header', header: name }]),
  )
  const body = request.body ?? ''
  return [...head, ...headers, ...(body === '' ? [] : [{ text: '\n\n' }, { text: body, part: 'body' as const }])]
}

/** Request line, headers and body as text. */
export function requestText(request: RecordedRequest): string {
  return stretches(request).map(({ text }) => text).join('')
}

/**
 * The request with what was found in it marked: exactly where the sign stands if that is known, else wherever the
 * payload is seen.
 */
export function markedRequest(request: RecordedRequest, { value, point, sign_place }: Found): Piece[] {
  const place = sign_place?.request
  if (!place) return markOccurrences(requestText(request), value)
  const header = point[0] === 'header' ? String(point[1]).toUpperCase() : undefined
  return stretches(request).flatMap(({ text, ...of }) =>
    of.part === place.part && (of.part !== 'header' || of.header?.toUpperCase() === header)
      ? markCharacters(text, place.span)
      : whole(text),
  )
}
