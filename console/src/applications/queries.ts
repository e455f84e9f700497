/** Applications: names for parts of the traffic; lists, rules and settings all refer to them. */
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { Application } from '../api/types'
import { failed, succeeded } from '../ui/feedback'

export const applicationsQuery = queryOptions({
  queryKey: ['applications'],
  queryFn: () => bodyOf(api.POST('/v1/objects/pool', { body: {} })),
  staleTime: 30_000,
})

export function useCreateApplication(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, name }: { id: number | null; name: string }) =>
      bodyOf(api.POST('/v1/objects/pool/create', { body: { name, ...(id === null ? {} : { id }) } })),
    onSuccess: async (application) => {
      succeeded(`Application ${application.name} added`)
      onDone()
      await client.invalidateQueries({ queryKey: applicationsQuery.queryKey })
    },
  })
}

export function useRenameApplication(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, name }: { id: number; name: string }) =>
      bodyOf(api.POST('/v1/objects/pool/update', { body: { filter: { id }, fields: { name } } })),
    onSuccess: async () => {
      succeeded('Application renamed')
      onDone()
      await client.invalidateQueries({ queryKey: applicationsQuery.queryKey })
    },
  })
}

export function useDeleteApplication() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id }: Application) => bodyOf(api.POST('/v1/objects/pool/delete', { body: { filter: { id } } })),
    onSuccess: async (_, { name }) => {
      succeeded(`Application ${name} deleted`)
      await client.invalidateQueries({ queryKey: applicationsQuery.queryKey })
    },
    onError: failed,
  })
}
