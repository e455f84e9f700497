import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { Hint, HintInput } from '../api/types'
import { failed, succeeded } from '../ui/feedback'
import { kindLabel, type RuleKind } from './kinds'

export function rulesQuery(kind: RuleKind | undefined) {
  return queryOptions({
    queryKey: ['rules', kind],
    queryFn: () => bodyOf(api.POST('/v1/objects/hint', {
      body: { filter: kind === undefined ? {} : { type: [kind] }, limit: 1000, order_by: 'updated_at', order_desc: true },
    })),
  })
}

export function useCreateRule(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (rule: HintInput) => bodyOf(api.POST('/v1/objects/hint/create', { body: rule })),
    onSuccess: async (rule) => {
      succeeded(`${kindLabel(rule.type)} #${rule.id} created`)
      onDone()
      await client.invalidateQueries({ queryKey: ['rules'] })
    },
  })
}

export function useDeleteRule() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (rule: Hint) => {
      const deleted = await bodyOf(api.POST('/v1/objects/hint/delete', { body: { filter: { id: [rule.id] } } }))
      if (deleted.length === 0) throw new Error('The server kept this rule: it is protected or already gone.')
    },
    onSuccess: async (_, rule) => {
      succeeded(`${kindLabel(rule.type)} #${rule.id} deleted`)
      await client.invalidateQueries({ queryKey: ['rules'] })
    },
    onError: failed,
  })
}
