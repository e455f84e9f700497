import { ActionIcon, Code, CopyButton, Group, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { visibleText } from '../domain/visibleText'

/** A value to take away: shown in full, copied with one press. */
export function CopyField({ label, value }: { label: string; value: string }) {
  return (
    <Group gap={6} wrap="nowrap" align="flex-start">
      <Code fz="sm" px={10} py={6} style={{ overflowWrap: 'anywhere', flex: 1, minWidth: 0 }} aria-label={label}>{visibleText(value)}</Code>
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
