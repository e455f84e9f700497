/** Who is signed in. Everything else in the Console starts from these two answers. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, bodyOf, setCsrf } from '../api/client'
import { refusal, type Permission } from '../domain/permissions'

/** The session behind the cookie; also hands its CSRF token to the client. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async () => {
    const session = await bodyOf(api.GET('/v1/session'))
    setCsrf(session.csrf)
    return session
  },
  staleTime: Infinity,
  gcTime: Infinity,
  retry: false,
})

export const currentUserQuery = queryOptions({
  queryKey: ['user'],
  queryFn: () => bodyOf(api.GET('/v1/user')),
  staleTime: 60_000,
})

/** The client that the session shows: another than the own one while a global user looks after it. */
export function useShownClient(): number | undefined {
  return useQuery(sessionQuery).data?.acting_client_id
}

/** A function that says why a permission is missing, or `undefined` when it is there. */
export function useRefusal(): (permission: Permission) => string | undefined {
  const { data } = useQuery(currentUserQuery)
  return (permission) => refusal(data, permission)
}

/** Signs in by password. With a second factor the answer is the ticket for it, else `null`. */
export async function signIn(username: string, password: string): Promise<string | null> {
  const answer = await api.POST('/v1/login', { body: { username, password } })
  const ticket = answer.response.headers.get('X-MFA-Ticket')
  if (answer.response.status === 401 && ticket !== null) return ticket
  await bodyOf(Promise.resolve(answer))
  return null
}

/** Completes a sign-in by a code of the authenticator or a recovery code. */
export async function signInByCode(ticket: string, code: { otp: string } | { recovery_code: string }): Promise<void> {
  await bodyOf(api.POST('/v1/login/mfa', { body: { ticket, ...code } }))
}

/** Ends the session on the server; the page forgets it whatever the server says. */
export async function signOut(): Promise<void> {
  try {
    const { sso_logout_url: provider } = await bodyOf(api.POST('/v1/logout', { body: {} }))
    // After single sign-on the session at the provider ends too.
    if (provider) window.location.assign(provider)
  } finally {
    setCsrf(null)
  }
}
