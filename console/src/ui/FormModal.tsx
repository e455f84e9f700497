import { Alert, Button, Group, Modal, Stack } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { messageOf } from '../api/errors'

interface FormModalProps {
  title: string
  opened: boolean
  onClose: () => void
  onSubmit: () => void
  submit: string
  busy: boolean
  error: unknown
  size?: string
  children: ReactNode
}

/** A form in a dialog: submit, cancel, and the server's refusal above the buttons. */
export function FormModal({ title, opened, onClose, onSubmit, submit, busy, error, size = 'md', children }: FormModalProps) {
  return (
    <Modal title={title} opened={opened} onClose={onClose} size={size} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          onSubmit()
        }}
      >
        <Stack gap="md">
          {children}
          {error ? (
            <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(error)}</Alert>
          ) : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={busy}>{submit}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
