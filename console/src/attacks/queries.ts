import { keepPreviousData, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf, comparedOf } from '../api/client'
import { ApiError } from '../api/errors'
import type { Attack, Condition, Hit } from '../api/types'
import { worthRetrying } from '../app/queryClient'
import { nowSeconds } from '../domain/time'
import { failed, succeeded } from '../ui/feedback'
import { readOrder } from '../ui/tableState'
import { attackFilter, hasOnePeriod, readFilter, saidBy, type EventKind, type Words } from './filter'
import type { AttackSearch } from './search'

export const PAGE_SIZE = 25
export const HITS_SHOWN = 50

async function wordsFilter(kind: EventKind, words: string | undefined): Promise<Words | undefined> {
  if (words === undefined) return undefined
  // All of them: the marking is the page's, unless the words name one.
  const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  const filters = await bodyOf(api.POST('/v1/search', { body: { query: words, time_zone, hits_type: 'all' } }))
  return { filter: readFilter(kind === 'incidents' ? filters.incidents : filters.attacks), hasPeriod: filters.has_period }
}

/** The most that one call answers with. */
const LARGEST_PAGE = 1000

/** Every event of the selection, in its order, up to the thousand that one call answers with. */
export async function allAttacks(kind: EventKind, search: AttackSearch): Promise<Attack[]> {
  const filter = attackFilter(kind, search, await wordsFilter(kind, search.q), nowSeconds())
  const order = readOrder(search.sort, '-last_time')
  return bodyOf(api.POST('/v1/objects/attack', {
    body: { filter, limit: LARGEST_PAGE, offset: 0, order_by: order.id, order_desc: order.desc },
  }))
}

/** One page of events and the numbers of the whole selection. */
export function attacksQuery(kind: EventKind, search: AttackSearch) {
  const { attack: _open, ...selection } = search
  return queryOptions({
    queryKey: ['attacks', kind, selection],
    queryFn: async () => {
      const words = await wordsFilter(kind, search.q)
      const filter = attackFilter(kind, search, words, nowSeconds())
      const order = readOrder(search.sort, '-last_time')
      const [rows, count] = await Promise.all([
        bodyOf(api.POST('/v1/objects/attack', {
          body: {
            filter, limit: PAGE_SIZE, offset: ((search.page ?? 1) - 1) * PAGE_SIZE,
            order_by: order.id, order_desc: order.desc,
          },
        })),
        comparedOf(api.POST('/v1/objects/attack/count', { body: { filter, compare: hasOnePeriod(filter) } })),
      ])
      return { rows, count: count.now, before: count.before, said: saidBy(words) }
    },
    placeholderData: keepPreviousData,
    // What the server refused once it refuses again.
    retry: (count, error) => !(error instanceof ApiError && error.status === 400) && count < 2,
  })
}

/** Completions of the word under the cursor of a query. */
export function suggestionsQuery(query: string, cursor: number) {
  return queryOptions({
    queryKey: ['search-suggestions', query, cursor],
    enabled: query !== '',
    queryFn: () => bodyOf(api.GET('/v1/search/suggest', { params: { query: { query, cursor } } })),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  })
}

export function attackQuery(id: string) {
  return queryOptions({
    queryKey: ['attack', id],
    queryFn: async () => {
      const [attack] = await bodyOf(api.POST('/v1/objects/attack', { body: { filter: { attackid: [id] }, limit: 1 } }))
      return attack ?? null
    },
  })
}

/** The newest hits of an attack. */
export function hitsQuery(attackId: string) {
  return queryOptions({
    queryKey: ['attack', attackId, 'hits'],
    queryFn: () => bodyOf(api.POST('/v1/objects/hit', {
      body: { filter: { attackid: [attackId] }, limit: HITS_SHOWN, order_by: 'time', order_desc: true },
    })),
  })
}

/** A hit's id in the form that query strings take. */
export function joinedId(id: readonly string[]): string {
  return id.join(':')
}

export function requestQuery(hit: Hit) {
  const id = joinedId(hit.id)
  return queryOptions({
    queryKey: ['hit', id],
    queryFn: () => bodyOf(api.GET('/v2/hit/details', { params: { query: { id } } })),
    // A recorded request never changes.
    staleTime: Infinity,
  })
}

/** Why the hit was found. */
export function explanationQuery(hit: Hit) {
  const id = joinedId(hit.id)
  return queryOptions({
    queryKey: ['hit-explanation', id],
    queryFn: () => bodyOf(api.GET('/v2/hit/explanation', { params: { query: { id } } })),
    staleTime: Infinity,
  })
}

/** The scope that a rule made from this hit would have. */
export function hitScopeQuery(hit: Hit | undefined) {
  return queryOptions({
    queryKey: ['hit-scope', hit ? joinedId(hit.id) : null],
    enabled: hit !== undefined,
    queryFn: async (): Promise<Condition[]> => {
      if (hit === undefined) return []
      const { conditions } = await bodyOf(api.POST('/v1/objects/action/by_hit', { body: { id: hit.id } }))
      return conditions
    },
    staleTime: Infinity,
  })
}

function useRefreshEvents() {
  const client = useQueryClient()
  return () => Promise.all([
    client.invalidateQueries({ queryKey: ['attacks'] }),
    client.invalidateQueries({ queryKey: ['attack'] }),
  ])
}

/** Marks a whole attack, or takes the mark back. Said twice it is the same, so it is said again when no answer came. */
export function useMarkAttack() {
  const refresh = useRefreshEvents()
  return useMutation({
    mutationFn: ({ attack, mark }: { attack: Attack; mark: boolean }) =>
      bodyOf(api.POST('/v1/objects/attack/mark_false', {
        body: { filter: { attackid: [attack.attackid] }, mode: mark ? 'true' : 'false' },
      })),
    retry: worthRetrying,
    onSuccess: (_, { mark }) => succeeded(mark ? 'Marked as a false positive' : 'No longer a false positive'),
    onError: failed,
    onSettled: refresh,
  })
}

/** Marks one hit, or takes the mark back. */
export function useMarkHit() {
  const refresh = useRefreshEvents()
  return useMutation({
    mutationFn: ({ hit, mark }: { hit: Hit; mark: boolean }) =>
      bodyOf(api.POST('/v1/objects/hit/mark_false', {
        body: { filter: { id: [hit.id] }, mode: mark ? 'true' : 'false' },
      })),
    retry: worthRetrying,
    onSuccess: (_, { mark }) =>
      succeeded(mark ? 'Hit marked as a false positive' : 'Hit is no longer a false positive'),
    onError: failed,
    onSettled: refresh,
  })
}

interface PatchInput {
  attack_type: string
  point: Attack['point']
  action: Condition[]
  comment: string
}

export function useCreatePatch(onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ comment, ...patch }: PatchInput) =>
      bodyOf(api.POST('/v1/objects/hint/create', {
        body: { type: 'vpatch', ...patch, ...(comment === '' ? {} : { comment }) },
      })),
    onSuccess: async (rule) => {
      succeeded(`Virtual patch #${rule.id} created. Nodes enforce it within a second.`)
      onDone()
      await client.invalidateQueries({ queryKey: ['rules'] })
    },
  })
}
