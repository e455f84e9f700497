/**
 * The API Console's own credential: a short-lived token made from the Console's session.
 *
 * It is kept in memory only. Requests that carry keys entered under Authorize are left alone.
 */
import createClient from 'openapi-fetch'
import type { paths } from '../api/schema'

const client = createClient<paths>({ baseUrl: '/' })

/** Headers that a person's own keys travel in. */
const ownKeys = ['x-wallarmapi-token', 'x-wallarmapi-uuid', 'authorization']

let token: string | null = null

/** Makes a token for the signed-in person; `false` when nobody is signed in. */
export async function startSession(): Promise<boolean> {
  const { data: session, response } = await client.GET('/v1/session')
  if (session === undefined) {
    token = null
    if (response.status === 401) return false
    throw new Error(`The session cannot be read (${response.status}).`)
  }
  const { data, error } = await client.POST('/v1/session/token', {
    headers: { 'X-CSRF-Token': session.body.csrf },
  })
  if (data === undefined) throw new Error(`No token for this session: ${JSON.stringify(error)}`)
  token = data.body.token
  return true
}

/** Whether a request already carries keys of its own. */
export function hasOwnKeys(headers: Record<string, string>): boolean {
  return Object.keys(headers).some((name) => ownKeys.includes(name.toLowerCase()))
}

/** The headers of a request, with the session's token when the person gave no keys. */
export function withToken(headers: Record<string, string>): Record<string, string> {
  return token === null || hasOwnKeys(headers) ? headers : { ...headers, Authorization: `Bearer ${token}` }
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Sends a request with the session's token, and once more with a new one when it has run out. */
export const fetchWithSession: Fetch = async (url, init) => {
  const response = await fetch(url, { ...init, headers: authorization(init.headers) })
  if (response.status !== 401 || token === null) return response
  const renewed = await startSession().catch(() => false)
  return renewed ? fetch(url, { ...init, headers: authorization(init.headers) }) : response
}

function authorization(headers: HeadersInit | undefined): Record<string, string> {
  const plain = Object.fromEntries(new Headers(headers))
  // Our own token is put on afresh each time; it may have been renewed in between.
  if (plain['authorization']?.startsWith('Bearer bzs_') === true) delete plain['authorization']
  return withToken(plain)
}
