import { ActionIcon, Code, CopyButton, Group, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { visibleText } from '../domain/visibleText'

interface CopyFieldProps {
  label: string
  value: string
  /** The value as it is shown, where that is more than its text. */
  children?: ReactNode
}

/** A value to take away: shown in full, copied with one press. */
export function CopyField({ label, value, children }: CopyFieldProps) {
  return (
    <Group gap={6} wrap="nowrap" align="flex-start">
      <Code fz="sm" px={10} py={6} style={{ overflowWrap: 'anywhere', flex: 1, minWidth: 0 }} aria-label={label}>{children ?? visibleText(value)}</Code>
      <CopyButton value={value} timeout={2000}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : 'Copy'}>
            <ActionIcon size={32} variant="default" aria-label={copied ? `${label} copied` : `Copy ${label}`} onClick={copy}>
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  )
}
