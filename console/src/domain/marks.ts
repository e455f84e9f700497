/** Pieces of a text, some of them marked: where in it an attack stands. */
export interface Piece {
  text: string
  marked: boolean
}

/** A span as the API writes it: the first one and the one behind the last. */
export type Span = readonly number[]

function cut(text: string, from: number, to: number): Piece[] {
  const pieces = [
    { text: text.slice(0, from), marked: false },
    { text: text.slice(from, to), marked: true },
    { text: text.slice(to), marked: false },
  ]
  return pieces.filter((piece) => piece.text !== '')
}

/** Marks a span of characters, counted as the API counts them: one for each code point. */
export function markCharacters(text: string, [start, end]: Span): Piece[] {
  const all = Array.from(text)
  const at = (index: number) => all.slice(0, index).join('').length
  return start === undefined || end === undefined || start >= end ? whole(text) : cut(text, at(start), at(end))
}

/**
 * Marks spans of bytes. Bytes that are no text are shown as U+FFFD, whatever their number, so behind one nothing is
 * certain and nothing is marked; nor is what lies beyond a text that was cut.
 */
export function markBytes(text: string, spans: readonly Span[]): Piece[] {
  const certain = text.split('\ufffd', 1)[0] ?? ''
  const marked: boolean[] = []
  const characters = Array.from(text)
  let byte = 0
  const starts = Array.from(certain, (character) => {
    const start = byte
    byte += new TextEncoder().encode(character).length
    return start
  })
  for (const [start, end] of spans) {
    if (start === undefined || end === undefined || start >= end || start >= byte) continue
    starts.forEach((at, index) => {
      if (at >= start && at < end) marked[index] = true
    })
  }
  const pieces: Piece[] = []
  characters.forEach((character, index) => {
    const last = pieces.at(-1)
    if (last?.marked === Boolean(marked[index])) last.text += character
    else pieces.push({ text: character, marked: Boolean(marked[index]) })
  })
  return pieces
}

/** Marks every occurrence of a text in another. */
export function markOccurrences(text: string, wanted: string): Piece[] {
  if (wanted === '') return whole(text)
  const pieces = text.split(wanted).flatMap((between, index) =>
    index === 0 ? whole(between) : [{ text: wanted, marked: true }, ...whole(between)],
  )
  return pieces.filter((piece) => piece.text !== '')
}

export function whole(text: string): Piece[] {
  return [{ text, marked: false }]
}
