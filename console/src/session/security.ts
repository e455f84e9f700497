/** Password, second factor and sessions of the own account. */
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { paths } from '../api/schema'
import { failed, succeeded } from '../ui/feedback'
import { currentUserQuery } from './queries'

type PasswordChange = paths['/v1/user/password']['put']['requestBody']['content']['application/json']

export const sessionsQuery = queryOptions({ queryKey: ['sessions'], queryFn: () => bodyOf(api.GET('/v1/sessions')) })

export function useChangePassword(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: PasswordChange) => bodyOf(api.PUT('/v1/user/password', { body: change })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sessionsQuery.queryKey })
      onDone()
    },
  })
}

export function useEndSession() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => bodyOf(api.DELETE('/v1/sessions/{id}', { params: { path: { id } } })),
    onSuccess: async () => {
      succeeded('Session ended')
      await client.invalidateQueries({ queryKey: sessionsQuery.queryKey })
    },
    onError: failed,
  })
}

/** The seed; it goes with the form that showed it. */
export function useBeginFactor() {
  return useMutation({ mutationFn: () => bodyOf(api.POST('/v1/user/mfa')), gcTime: 0 })
}

export function useConfirmFactor() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (proof: { otp: string; password: string }) => bodyOf(api.POST('/v1/user/mfa/confirm', { body: proof })),
    onSuccess: () => client.invalidateQueries({ queryKey: currentUserQuery.queryKey }),
    gcTime: 0,
  })
}

export function useRemoveFactor(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (proof: { otp: string; password: string }) => bodyOf(api.DELETE('/v1/user/mfa', { body: proof })),
    onSuccess: async () => {
      succeeded('The second factor is off')
      onDone()
      await client.invalidateQueries({ queryKey: currentUserQuery.queryKey })
    },
  })
}
