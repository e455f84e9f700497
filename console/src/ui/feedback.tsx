/** Answers to what a person did: it worked, it failed, are you sure. */
import { Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { notifications } from '@mantine/notifications'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { messageOf } from '../api/errors'

export function succeeded(message: string): void {
  notifications.show({ message, color: 'teal', icon: <IconCheck size={18} /> })
}

export function failed(error: unknown): void {
  notifications.show({ title: 'That did not work', message: messageOf(error), color: 'red', icon: <IconAlertTriangle size={18} />, autoClose: 8000 })
}

interface Question {
  title: string
  text: ReactNode
  confirm: string
  onConfirm: () => void
}

/** Asks before something is destroyed; focus starts on the safe answer. */
export function confirmDanger({ title, text, confirm, onConfirm }: Question): void {
  modals.openConfirmModal({
    title,
    children: <Text size="sm">{text}</Text>,
    labels: { confirm, cancel: 'Cancel' },
    confirmProps: { color: 'red' },
    cancelProps: { 'data-autofocus': true },
    onConfirm,
  })
}
