/** What a page shows instead of its data: nothing yet, nothing at all, or a failure. */
import { Button, Center, Stack, Text, ThemeIcon, Title } from '@mantine/core'
import { IconAlertTriangle, IconInbox, IconRefresh } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { messageOf } from '../api/errors'

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
