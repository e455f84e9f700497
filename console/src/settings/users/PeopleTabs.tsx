import { SegmentedControl } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'

/** Between those who are users and those who may become one. */
export function PeopleTabs({ current }: { current: 'people' | 'invitations' }) {
  const navigate = useNavigate()
  return (
    <div>
      <SegmentedControl
        aria-label="Which people" size="xs" value={current}
        onChange={(value) => void navigate({ to: value === 'invitations' ? '/settings/users/invitations' : '/settings/users' })}
        data={[{ value: 'people', label: 'Users' }, { value: 'invitations', label: 'Open invitations' }]}
      />
    </div>
  )
}
