import { Badge, Card, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { Subscription } from '../api/types'
import { monthOf, planName } from '../domain/subscription'
import { Permitted } from '../session/Permitted'
import { useShownClient } from '../session/queries'
import { Facts } from '../ui/Facts'
import { ErrorState } from '../ui/States'
import { monthsQuery, plansQuery, subscriptionsQuery } from './queries'
import { Section } from './Section'

/** What the client has bought, and how much of it is used. */
export function SubscriptionPage() {
  return (
    <Section title="Subscription" description="Your plan, how long it lasts, and how many requests your nodes inspected.">
      <Permitted permission="view_license">
        <Stack gap="lg" maw={720}>
          <Plans />
          <Requests />
        </Stack>
      </Permitted>
    </Section>
  )
}

function Plans() {
  const client = useShownClient()
  const { data, error, refetch } = useQuery({ ...subscriptionsQuery(client ?? 0), enabled: client !== undefined })
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />
  if (!data) return <Skeleton height={140} />
  return data.map((subscription) => <PlanCard key={subscription.id} subscription={subscription} />)
}

function PlanCard({ subscription }: { subscription: Subscription }) {
  const { data: plans } = useQuery(plansQuery)
  const active = subscription.state === 'active'
  const features = subscription.features.map(({ feature }) => feature.slug).join(', ')
  return (
    <Card p="lg">
      <Group gap="xs" mb="md">
        <Text fw={600}>{planName(plans, subscription.plan_id)}</Text>
        <Badge variant="dot" color={active ? 'teal' : 'gray'}>{subscription.state}</Badge>
      </Group>
      <Facts
        facts={[
          ['Type', subscription.type],
          ['Since', subscription.start_on],
          ['Until', subscription.finish_on === '2099-12-31' ? 'no end' : subscription.finish_on],
          ['Features', features === '' ? 'all' : features],
        ]}
      />
    </Card>
  )
}

function Requests() {
  const client = useShownClient()
  const { data, error, refetch } = useQuery({ ...monthsQuery(client ?? 0), enabled: client !== undefined })
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />
  if (!data) return <Skeleton height={140} />
  return (
    <Card p="lg">
      <Text fw={600} mb="md">Requests by month</Text>
      <Facts facts={[...data].reverse().map((month) => [monthOf(month.year, month.month), month.requests_count.toLocaleString('en')] as const)} />
    </Card>
  )
}
