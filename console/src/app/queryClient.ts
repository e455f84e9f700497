import { QueryClient } from '@tanstack/react-query'
import { ApiError } from '../api/errors'

/** Refusals stay refusals when repeated; only a server in trouble is asked again. */
export function worthRetrying(failures: number, error: unknown): boolean {
  const refused = error instanceof ApiError && error.status < 500 && error.status !== 429
  return !refused && failures < 2
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: worthRetrying, staleTime: 5_000 },
    mutations: { retry: false },
  },
})
