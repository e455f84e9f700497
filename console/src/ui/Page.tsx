import { Group, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'

interface PageProps {
  title: string
  description?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** The frame of every page: its heading, what it is for, and what can be done there. */
export function Page({ title, description, actions, children }: PageProps) {
  useDocumentTitle(`${title} · Bartizan`)
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-end" gap="md">
        <div>
          <Title order={1} size="h2" tabIndex={-1} data-page-heading>{title}</Title>
          {description ? <Text c="dimmed" size="sm" mt={2} maw={720}>{description}</Text> : null}
        </div>
        {actions ? <Group gap="xs">{actions}</Group> : null}
      </Group>
      {children}
    </Stack>
  )
}
