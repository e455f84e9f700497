import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../../api/client'
import type { paths } from '../../api/schema'
import type { Invitation, InvitationInput, User } from '../../api/types'
import { failed, succeeded } from '../../ui/feedback'
import { usersQuery } from '../queries'

export interface NewUser {
  realname: string
  email: string
  password: string
  role: string
}

export function useCreateUser(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ role, ...user }: NewUser) =>
      bodyOf(api.POST('/v1/objects/user/create', { body: { ...user, permissions: [role], enabled: true } })),
    onSuccess: async (user) => {
      succeeded(`${user.realname} can sign in now`)
      onDone()
      await client.invalidateQueries({ queryKey: usersQuery.queryKey })
    },
  })
}

export type UserFields = NonNullable<NonNullable<paths['/v1/objects/user/update']['post']['requestBody']>['content']['application/json']['fields']>

const update = (user: User, fields: UserFields) => bodyOf(api.POST('/v1/objects/user/update', { body: { filter: { id: user.id }, fields } }))

export function useEditUser(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ user, fields }: { user: User; fields: UserFields }) => update(user, fields),
    onSuccess: async (_, { user, fields }) => {
      succeeded(`${fields.realname ?? user.realname} changed`)
      onDone()
      await client.invalidateQueries({ queryKey: usersQuery.queryKey })
    },
  })
}

/** A change of one user that needs nothing but a press, and the words when it is done. */
interface Switch {
  user: User
  change: 'enabled' | 'sso' | 'api_access'
  to: boolean
}

const done: Record<Switch['change'], readonly [on: string, off: string]> = {
  enabled: ['enabled', 'disabled'],
  sso: ['signs in at the identity provider from now on', 'needs a password from now on'],
  api_access: ['may have API tokens', 'has no API tokens any more'],
}

export function useSwitchUser() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ user, change, to }: Switch): Promise<void> => {
      const params = { path: { id: user.id } }
      if (change === 'enabled') await update(user, { enabled: to })
      else if (change === 'sso') await bodyOf(api.POST('/v1/user/{id}/sso', { params, body: { enabled: to } }))
      else await bodyOf(api.POST('/v1/user/{id}/api_access', { params, body: { enabled: to } }))
    },
    onSuccess: async (_, { user, change, to }) => {
      succeeded(`${user.realname} ${done[change][to ? 0 : 1]}`)
      await client.invalidateQueries({ queryKey: usersQuery.queryKey })
    },
    onError: failed,
  })
}

/** Turns the second factor of somebody else off; takes the password of who does it. */
export function useResetFactor(user: User, onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (password: string) => bodyOf(api.POST('/v1/user/{id}/mfa/disable', { params: { path: { id: user.id } }, body: { password } })),
    onSuccess: async () => {
      succeeded(`The second factor of ${user.realname} is off`)
      onDone()
      await client.invalidateQueries({ queryKey: usersQuery.queryKey })
    },
  })
}

export function useDeleteUser() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (user: User) => bodyOf(api.POST('/v1/objects/user/delete', { body: { filter: { id: user.id } } })),
    onSuccess: async (_, user) => {
      succeeded(`${user.realname} deleted`)
      await client.invalidateQueries({ queryKey: usersQuery.queryKey })
    },
    onError: failed,
  })
}

export const invitationsQuery = queryOptions({ queryKey: ['invitations'], queryFn: () => bodyOf(api.GET('/v1/invitations')) })

/** The answer holds the link; it goes with the dialog that showed it. */
export function useInvite() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (invitation: InvitationInput) => bodyOf(api.POST('/v1/invitations', { body: invitation })),
    onSuccess: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
    gcTime: 0,
  })
}

/** A new link in place of that of an open invitation. */
export function useInviteAgain() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, email, realname, permissions, client_id }: Invitation) => {
      const link = await bodyOf(api.POST('/v1/invitations', { body: { email, realname, permissions, client_id, ttl: 'week', send: true } }))
      // Only now: whoever cannot be invited again keeps the link there is.
      await bodyOf(api.DELETE('/v1/invitations/{id}', { params: { path: { id } } }))
      return link
    },
    onSettled: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
    onError: failed,
    gcTime: 0,
  })
}

/** A new link for somebody who was added without a password; the one before is void. */
export function useResendInvitation() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (userId: number) => bodyOf(api.POST('/v1/user/{id}/resend_invitation', { params: { path: { id: userId } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
    onError: failed,
    gcTime: 0,
  })
}

export function useRevokeInvitation() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id }: Invitation) => bodyOf(api.DELETE('/v1/invitations/{id}', { params: { path: { id } } })),
    onSuccess: async (_, { email }) => {
      succeeded(`The invitation of ${email} is void`)
      await client.invalidateQueries({ queryKey: invitationsQuery.queryKey })
    },
    onError: failed,
  })
}
