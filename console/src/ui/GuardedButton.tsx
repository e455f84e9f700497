import { ActionIcon, Button, Tooltip, type ButtonProps } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './GuardedButton.module.css'

interface Guard {
  /** Why the action cannot be taken; the control stays visible and says so. */
  refusal?: string | undefined
  onClick: () => void
}

/** A button that says why it is disabled, to the mouse and to the screen reader. */
export function GuardedButton({ refusal, onClick, children, ...button }: ButtonProps & Guard & { children: ReactNode }) {
  const plain = (
    <Button
      {...button}
      data-disabled={refusal !== undefined}
      aria-disabled={refusal !== undefined || undefined}
      aria-description={refusal}
      onClick={() => (refusal === undefined ? onClick() : undefined)}
    >
      {children}
    </Button>
  )
  return refusal === undefined ? plain : <Tooltip label={refusal}>{plain}</Tooltip>
}

/** An icon-only button; its name is required. */
export function IconButton({ label, refusal, onClick, icon, danger = false }: Guard & { label: string; icon: ReactNode; danger?: boolean }) {
  return (
    <Tooltip label={refusal ?? label}>
      <ActionIcon
        aria-label={label}
        aria-disabled={refusal !== undefined || undefined}
        aria-description={refusal}
        data-disabled={refusal !== undefined}
        className={danger && refusal === undefined ? (classes.danger ?? '') : ''}
        onClick={() => (refusal === undefined ? onClick() : undefined)}
      >
        {icon}
      </ActionIcon>
    </Tooltip>
  )
}
