/** Words of a query under a cursor, and what the server says of them. */
import { ApiError } from '../api/errors'

/** The part of the word under the cursor that is typed. */
export function wordAt(text: string, cursor: number): string {
  return text.slice(0, cursor).split(/\s/).at(-1) ?? ''
}

/** The query with the word under the cursor replaced, and where the cursor then stands. */
export function complete(text: string, cursor: number, word: string): { text: string; cursor: number } {
  const start = cursor - wordAt(text, cursor).length
  const rest = text.slice(cursor).replace(/^\S+/, '')
  // An attribute wants its value next; everything else is complete.
  const gap = word.endsWith(':') || rest.startsWith(' ') ? '' : ' '
  const head = text.slice(0, start) + word + gap
  return { text: head + rest, cursor: head.length }
}

interface Mistake {
  message: string
  /** Character of the query, from 1. */
  column: number
}

/** The mistake in a query that the server refused, if that is why. */
export function mistakeIn(error: unknown): Mistake | undefined {
  if (!(error instanceof ApiError) || error.status !== 400) return undefined
  const { detail } = error
  if (typeof detail !== 'object' || detail === null || !('query' in detail)) return undefined
  const problem = detail.query
  if (typeof problem !== 'object' || problem === null || !('error' in problem)) return undefined
  const value = 'value' in problem && typeof problem.value === 'string' ? `: ${problem.value}` : ''
  const column = 'column' in problem && typeof problem.column === 'number' ? problem.column : 1
  return { message: `${String(problem.error)}${value}`, column }
}
