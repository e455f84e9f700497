/** What a page shows instead of its data: nothing yet, nothing at all, or a failure. */
import { Alert, Button, Center, Group, Stack, Text, ThemeIcon, Title } from '@mantine/core'
import { IconAlertTriangle, IconInbox, IconRefresh } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { messageOf } from '../api/errors'
import { Time } from './Time'

interface EmptyProps {
  title: string
  children?: ReactNode
  action?: ReactNode
  icon?: ReactNode
}

export function EmptyState({ title, children, action, icon = <IconInbox /> }: EmptyProps) {
  return (
    <Center py={56} px="md">
      <Stack align="center" gap="xs" maw={460}>
        <ThemeIcon size={52} radius="xl" variant="light" aria-hidden>{icon}</ThemeIcon>
        <Title order={2} size="h4" ta="center" mt={4}>{title}</Title>
        {children ? <Text c="dimmed" size="sm" ta="center">{children}</Text> : null}
        {action ? <div style={{ marginTop: 8 }}>{action}</div> : null}
      </Stack>
    </Center>
  )
}

export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  return (
    <Center py={56} px="md" role="alert">
      <Stack align="center" gap="xs" maw={460}>
        <ThemeIcon size={52} radius="xl" variant="light" color="red" aria-hidden><IconAlertTriangle /></ThemeIcon>
        <Title order={2} size="h4" ta="center" mt={4}>This did not load</Title>
        <Text c="dimmed" size="sm" ta="center">{messageOf(error)}</Text>
        {onRetry ? (
          <Button mt="xs" variant="default" leftSection={<IconRefresh size={16} />} onClick={onRetry}>Try again</Button>
        ) : null}
      </Stack>
    </Center>
  )
}

interface StaleProps {
  error: unknown
  /** When what is shown was fetched, in milliseconds. */
  updatedAt?: number | undefined
  onRetry?: (() => void) | undefined
}

/** A line over data that could not be fetched again. */
export function StaleNotice({ error, updatedAt, onRetry }: StaleProps) {
  return (
    <Alert color="orange" radius={0} py="xs" icon={<IconAlertTriangle />} role="alert">
      <Group gap="xs" justify="space-between">
        <Text size="sm">
          Not refreshed since {updatedAt ? <Time at={Math.floor(updatedAt / 1000)} /> : 'the page was opened'}. {messageOf(error)}
        </Text>
        {onRetry ? <Button size="compact-xs" variant="default" onClick={onRetry}>Try again</Button> : null}
      </Group>
    </Alert>
  )
}
