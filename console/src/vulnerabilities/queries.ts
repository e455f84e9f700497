import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, bodyOf } from '../api/client'
import type { Vulnerability } from '../api/types'
import { worthRetrying } from '../app/queryClient'
import { failed, succeeded } from '../ui/feedback'
import type { VulnerabilityStatus } from './search'

export function vulnerabilitiesQuery(status: VulnerabilityStatus | undefined) {
  return queryOptions({
    queryKey: ['vulnerabilities', status],
    queryFn: () => bodyOf(api.POST('/v1/objects/vuln', {
      body: { filter: status === undefined ? {} : { status }, limit: 1000, order_by: 'validate_time', order_desc: true },
    })),
  })
}

export function vulnerabilityQuery(id: number) {
  return queryOptions({
    queryKey: ['vulnerability', id],
    queryFn: async () => {
      const [vuln] = await bodyOf(api.POST('/v1/objects/vuln', { body: { filter: { id }, limit: 1 } }))
      return vuln ?? null
    },
  })
}

const changes = {
  open: { path: '/v1/objects/vuln/open', done: 'Reopened' },
  closed: { path: '/v1/objects/vuln/close', done: 'Closed' },
  falsepositive: { path: '/v1/objects/vuln/falsepositive', done: 'Marked as a false positive' },
} as const

/** Opens, closes or disproves a vulnerability. */
export function useChangeStatus() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ vuln, status }: { vuln: Vulnerability; status: VulnerabilityStatus }) =>
      bodyOf(api.POST(changes[status].path, { body: { id: [vuln.id] } })),
    // A status said twice is the same.
    retry: worthRetrying,
    onSuccess: (_, { status }) => succeeded(changes[status].done),
    onError: failed,
    onSettled: () => Promise.all(
      ['vulnerabilities', 'vulnerability', 'attacks', 'attack'].map((key) => client.invalidateQueries({ queryKey: [key] })),
    ),
  })
}
