/**
 * The one door to the API: a client typed by the OpenAPI document.
 *
 * Cookie sessions need a CSRF token on every call that changes something. It lives in memory
 * only: `GET /v1/session` returns it and `setCsrf` keeps it until the page goes away.
 */
import createClient, { type Middleware } from 'openapi-fetch'
import { isBackground } from './activity'
import { ApiError, saysUnauthenticated, toApiError } from './errors'
import type { paths } from './schema'

let csrf: string | null = null
let onSignedOut: () => void = () => undefined

/** Remembers the CSRF token of the current session (`null` after signing out). */
export function setCsrf(token: string | null): void {
  csrf = token
}

/** Registers what to do when the server says that the session is over. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

async function isUnauthenticated(response: Response): Promise<boolean> {
  if (response.status !== 403) return response.status === 401
  const answer: unknown = await response.clone().json().catch(() => null)
  return saysUnauthenticated(toApiError(response.status, answer))
}

const session: Middleware = {
  onRequest({ request }) {
    if (csrf !== null && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrf)
    if (isBackground()) request.headers.set('X-Background', '1')
    return request
  },
  async onResponse({ response, schemaPath }) {
    const signingIn = schemaPath === '/v1/login' || schemaPath === '/v1/login/mfa' || schemaPath === '/v1/session'
    if (!signingIn && !response.ok && (await isUnauthenticated(response))) onSignedOut()
  },
}

export const api = createClient<paths>({ baseUrl: '/' })
api.use(session)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** Unpacks the envelope of an answer, or throws an `ApiError`. */
export async function bodyOf<T>(call: Promise<Answer<{ body: T }>>): Promise<T> {
  const { data, error, response } = await call
  if (data === undefined) throw toApiError(response.status, error)
  return data.body
}

/** Takes an answer that has no envelope, or throws an `ApiError`. */
export async function bareOf<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call
  if (data === undefined) throw toApiError(response.status, error)
  return data
}

/** Unpacks an answer that may hold the same of the period before. */
export async function comparedOf<T>(
  call: Promise<Answer<{ body: T; before?: T | null }>>,
): Promise<{ now: T; before: T | undefined }> {
  const { data, error, response } = await call
  if (data === undefined) throw toApiError(response.status, error)
  return { now: data.body, before: data.before ?? undefined }
}

/** Whether the error says "not signed in" as opposed to "not allowed". */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && saysUnauthenticated(error)
}
