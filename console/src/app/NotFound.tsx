import { Button } from '@mantine/core'
import { IconCompassOff } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { EmptyState } from '../ui/States'

export function NotFound() {
  return (
    <EmptyState title="There is no such page" icon={<IconCompassOff />} action={<Button component={Link} to="/">Go to the start page</Button>}>
      The address may be mistyped, or the page may have moved.
    </EmptyState>
  )
}
