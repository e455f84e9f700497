import { ActionIcon, Menu, Text } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import type { ReactNode } from 'react'

export interface Action {
  label: string
  icon: ReactNode
  /** Why it cannot be done now; the item stays and says so. */
  refusal?: string | undefined
  danger?: boolean
  onClick: () => void
}

/** What can be done with one row, where there is too much for buttons side by side. */
export function ActionMenu({ label, actions }: { label: string; actions: readonly Action[] }) {
  return (
    <Menu position="bottom-end" width={280}>
      <Menu.Target>
        <ActionIcon aria-label={label}><IconDots size={18} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actions.map(({ label: name, icon, refusal, danger, onClick }) => (
          <Menu.Item
            key={name}
            leftSection={icon}
            // Not `disabled`, which the arrow keys leave out: its reason is to be read out.
            aria-disabled={refusal !== undefined || undefined}
            aria-label={name}
            aria-description={refusal}
            closeMenuOnClick={refusal === undefined}
            {...(danger && refusal === undefined ? { color: 'red' } : {})}
            onClick={() => (refusal === undefined ? onClick() : undefined)}
          >
            <Text span inherit c={refusal === undefined ? '' : 'dimmed'}>{name}</Text>
            {refusal === undefined ? null : <Text span size="xs" c="dimmed" display="block">{refusal}</Text>}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
