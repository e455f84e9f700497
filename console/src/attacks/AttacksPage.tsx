import { useNavigate, useSearch } from '@tanstack/react-router'
import { IconShieldCheck } from '@tabler/icons-react'
import { EmptyState } from '../ui/States'
import { EventsPage } from './EventsPage'

export function AttacksPage() {
  const search = useSearch({ from: '/signed-in/attacks' })
  const navigate = useNavigate({ from: '/attacks' })
  return (
    <EventsPage
      kind="attacks"
      title="Attacks"
      description="Malicious requests that your nodes saw, grouped by type, address and parameter."
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: next.attack === search.attack })}
      empty={
        <EmptyState title="No attacks in this period" icon={<IconShieldCheck />}>
          When a node sees a malicious request, it appears here within two seconds.
        </EmptyState>
      }
    />
  )
}
