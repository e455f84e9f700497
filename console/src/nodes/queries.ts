import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { FilterNode } from '../api/types'
import { failed, succeeded } from '../ui/feedback'

export const nodesQuery = queryOptions({
  queryKey: ['nodes'],
  queryFn: () => bodyOf(api.GET('/v2/node', { params: { query: { limit: 1000, order_by: 'hostname' } } })),
})

export function useCreateNode() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (hostname: string) => bodyOf(api.POST('/v2/node', { body: { hostname, type: 'cloud_node' } })),
    onSuccess: () => client.invalidateQueries({ queryKey: nodesQuery.queryKey }),
  })
}

export function useDeleteNode() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (node: FilterNode) => bodyOf(api.DELETE('/v2/node/{id}', { params: { path: { id: node.id } } })),
    onSuccess: async (_, node) => {
      succeeded(`Node ${node.hostname} deleted`)
      await client.invalidateQueries({ queryKey: nodesQuery.queryKey })
    },
    onError: failed,
  })
}
