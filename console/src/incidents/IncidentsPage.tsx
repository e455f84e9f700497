import { useNavigate, useSearch } from '@tanstack/react-router'
import { IconShieldCheck } from '@tabler/icons-react'
import { EventsPage } from '../attacks/EventsPage'
import { EmptyState } from '../ui/States'

export function IncidentsPage() {
  const search = useSearch({ from: '/signed-in/incidents' })
  const navigate = useNavigate({ from: '/incidents' })
  return (
    <EventsPage
      kind="incidents"
      title="Incidents"
      description="Attacks whose response proved that they succeeded. Each points at a vulnerability to fix."
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: next.attack === search.attack })}
      empty={
        <EmptyState title="No incidents in this period" icon={<IconShieldCheck />}>
          No attack was seen to succeed.
        </EmptyState>
      }
    />
  )
}
