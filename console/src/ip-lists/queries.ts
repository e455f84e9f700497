import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { IpRule } from '../api/types'
import { ApiError } from '../api/errors'
import { failed, succeeded } from '../ui/feedback'
import type { ListName } from './search'

const PAGE = 300
const MOST_PAGES = 34

/** Most entries that the page holds; the API finds an address among the others too. */
export const MOST_ENTRIES = PAGE * MOST_PAGES

export interface Entries {
  entries: IpRule[]
  /** Whether there are more than these. */
  cut: boolean
}

/** The entries of one list in which the words occur, read page by page up to ten thousand. */
export function ipRulesQuery(list: ListName, words?: string) {
  return queryOptions({
    queryKey: ['ip-rules', list, words],
    queryFn: async (): Promise<Entries> => {
      const entries: IpRule[] = []
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const { objects } = await bodyOf(api.GET('/v4/ip_rules', {
          params: { query: { 'filter[list]': list, 'filter[query]': words, limit: PAGE, offset: page * PAGE } },
        }))
        entries.push(...objects)
        if (objects.length < PAGE) return { entries, cut: false }
      }
      return { entries, cut: true }
    },
  })
}

export interface NewEntries {
  list: ListName
  subnets: string[]
  pools: number[]
  expired_at: number
  reason: string
  /** Replace entries for the same address in other lists. */
  force: boolean
}

export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409
}

/** Adds entries one after another; stops at the first refusal and says which entry it was. */
export function useAddEntries(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ subnets, force, ...entry }: NewEntries) => {
      for (const subnet of subnets) {
        try {
          await bodyOf(api.POST('/v4/ip_rules', { body: { force, ip_rule: { ...entry, rule_type: 'ip_range', subnet } } }))
        } catch (error) {
          if (isConflict(error)) throw new ApiError(409, `${subnet} is already in a list.`)
          throw error
        }
      }
      return subnets.length
    },
    onSuccess: (added) => {
      succeeded(added === 1 ? 'Address added' : `${added} addresses added`)
      onDone()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['ip-rules'] }),
  })
}

export function useRemoveEntry() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (entry: IpRule) => bodyOf(api.DELETE('/v4/ip_rules', { body: { filter: { id: [entry.id] } } })),
    onSuccess: async () => {
      succeeded('Removed from the list')
      await client.invalidateQueries({ queryKey: ['ip-rules'] })
    },
    onError: failed,
  })
}
