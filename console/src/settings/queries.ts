import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bareOf, bodyOf } from '../api/client'
import { allRows } from '../api/pages'
import type { ApiToken, ApiTokenInput } from '../api/types'
import { failed, succeeded } from '../ui/feedback'

export const credentialsQuery = queryOptions({
  queryKey: ['credentials'],
  queryFn: () => bodyOf(api.GET('/v1/user/credentials')),
})

export function useRenewSecret() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (proof: { password: string; otp: string | null }) => bodyOf(api.POST('/v1/user/credentials/renew', { body: proof })),
    onSuccess: () => client.invalidateQueries({ queryKey: credentialsQuery.queryKey }),
    // The answer holds the secret; it goes with the dialog that showed it.
    gcTime: 0,
  })
}

export const subscriptionsQuery = (clientId: number) =>
  queryOptions({
    queryKey: ['subscriptions', clientId],
    queryFn: () => bareOf(api.GET('/v1/clients/{client_id}/billing/subscriptions', { params: { path: { client_id: clientId } } })),
  })

export const plansQuery = queryOptions({
  queryKey: ['plans'],
  queryFn: () => bareOf(api.GET('/v1/billing/plans')),
})

export const monthsQuery = (clientId: number) =>
  queryOptions({
    queryKey: ['months', clientId],
    queryFn: () => bodyOf(api.POST('/v2/graph_data/summary/rpm/client/{client_id}', { params: { path: { client_id: clientId } } })),
  })

export const tokensQuery = queryOptions({
  queryKey: ['api-tokens'],
  queryFn: () => allRows((page) => bodyOf(api.GET('/v1/api_tokens', { params: { query: page } }))),
})

export function useCreateToken() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (token: ApiTokenInput) => bodyOf(api.POST('/v1/api_tokens', { body: token })),
    onSuccess: () => client.invalidateQueries({ queryKey: tokensQuery.queryKey }),
    gcTime: 0,
  })
}

export function useDeleteToken() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (token: ApiToken) => bodyOf(api.DELETE('/v1/api_tokens/{id}', { params: { path: { id: token.id } } })),
    onSuccess: async (_, token) => {
      succeeded(`Token ${token.name} deleted`)
      await client.invalidateQueries({ queryKey: tokensQuery.queryKey })
    },
    onError: failed,
  })
}

export function useDisableToken() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (token: ApiToken) =>
      bodyOf(api.PUT('/v1/api_tokens/{id}', { params: { path: { id: token.id } }, body: { enabled: false } })),
    onSuccess: async (_, token) => {
      succeeded(`Token ${token.name} disabled`)
      await client.invalidateQueries({ queryKey: tokensQuery.queryKey })
    },
    onError: failed,
  })
}

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: () => allRows((page) => bodyOf(api.POST('/v1/objects/user', { body: { ...page, order_by: 'realname' } }))),
})
