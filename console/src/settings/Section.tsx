import { Group, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'

interface SectionProps {
  title: string
  description: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** One subject of the settings. */
export function Section({ title, description, actions, children }: SectionProps) {
  useDocumentTitle(`${title} · Bartizan`)
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-end">
        <div>
          <Title order={2} size="h4">{title}</Title>
          <Text size="sm" c="dimmed" maw={680}>{description}</Text>
        </div>
        {actions}
      </Group>
      {children}
    </Stack>
  )
}
