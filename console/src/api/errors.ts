/**
 * What a refused call means to a person.
 *
 * The API answers errors in three shapes (see `spec/accounts.md` 1.5): a text, an object with
 * `error` and `value`, or an object of such objects keyed by field. All of them become one
 * `ApiError` here; nothing else in the Console looks inside an error body.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    readonly status: number,
    message: string,
    /** Messages that belong to one field of the request, keyed by field name. */
    readonly fields: Readonly<Record<string, string>> = {},
    /** The `body` of the answer as it came, for callers that know its shape. */
    readonly detail: unknown = null,
  ) {
    super(message)
  }
}

const byStatus: Record<number, string> = {
  400: 'The server did not accept this request.',
  401: 'You are signed out.',
  402: 'Your plan does not cover this: the quota of this month is used up, or there are as many users as it allows. Your operator can raise both.',
  403: 'You do not have access to this.',
  404: 'Not found. It may have been deleted.',
  409: 'This conflicts with something that exists already.',
  423: 'Rules are locked right now. Try again in a moment.',
  429: 'Too many requests. Try again in a moment.',
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

function sentence(error: string, value: unknown): string {
  const quotable = value !== undefined && value !== null && value !== ''
  return quotable ? `${error}: ${shown(value)}` : error
}

/** Reads an error answer of any of the API's shapes. */
export function toApiError(status: number, answer: unknown): ApiError {
  const detail = isRecord(answer) && 'body' in answer ? answer['body'] : answer
  const fallback = byStatus[status] ?? (status >= 500 ? 'The server failed. Try again in a moment.' : `Request failed (${status}).`)
  // Two words that explain nothing to a person.
  if (status === 402) return new ApiError(status, fallback, {}, detail)
  if (typeof detail === 'string' && detail !== '') return new ApiError(status, detail, {}, detail)
  if (!isRecord(detail)) return new ApiError(status, fallback, {}, detail)
  if (typeof detail['error'] === 'string') {
    return new ApiError(status, sentence(detail['error'], detail['value']), {}, detail)
  }
  const fields: Record<string, string> = {}
  for (const [name, problem] of Object.entries(detail)) {
    if (isRecord(problem) && typeof problem['error'] === 'string') fields[name] = problem['error']
  }
  const parts = Object.entries(fields).map(([name, text]) => `${name} ${text}`)
  return new ApiError(status, parts.length > 0 ? parts.join('; ') : fallback, fields, detail)
}

/**
 * Whether the server does not know who is calling, as opposed to refusing what is asked: 401 for a
 * session that ended, 403 with this text for no credential at all (`spec/accounts.md` 1.5).
 */
export function saysUnauthenticated(error: ApiError): boolean {
  return error.status === 401 || (error.status === 403 && error.detail === 'User not authenticated')
}

/** The sentence to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message
  if (error instanceof TypeError) return 'The server cannot be reached. Check your connection.'
  return error instanceof Error ? error.message : 'Something went wrong.'
}
