import { Skeleton } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { refusal, type Permission } from '../domain/permissions'
import { EmptyState, ErrorState } from '../ui/States'
import { currentUserQuery } from './queries'

/** What only holders of a permission see; others are told why they do not, and nothing is asked of the API for them. */
export function Permitted({ permission, children }: { permission: Permission; children: ReactNode }) {
  const { data: user, error, refetch } = useQuery(currentUserQuery)
  if (user === undefined) return error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <Skeleton height={220} />
  const reason = refusal(user, permission)
  if (reason === undefined) return children
  return <EmptyState title="Not for your role" icon={<IconLock />}>{reason}. Administrators of your company can.</EmptyState>
}
