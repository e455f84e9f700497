import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { Hint, HintInput } from '../api/types'
import { failed, succeeded } from '../ui/feedback'
import { kindLabel, type RuleKind } from './kinds'

const PAGE = 1000

/** Most rules that the page holds. */
export const MOST_RULES = 20 * PAGE

/** The rules of a kind, or all, changed last first. */
export function rulesQuery(kind: RuleKind | undefined) {
  return queryOptions({
    queryKey: ['rules', kind],
    queryFn: async () => {
      const rules: Hint[] = []
      while (rules.length < MOST_RULES) {
        const page = await bodyOf(api.POST('/v1/objects/hint', {
          body: {
            filter: kind === undefined ? {} : { type: [kind] },
            limit: PAGE, offset: rules.length, order_by: 'updated_at', order_desc: true,
          },
        }))
        rules.push(...page)
        if (page.length < PAGE) break
      }
      return rules
    },
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
