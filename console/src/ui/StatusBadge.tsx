import { Badge } from '@mantine/core'
import { IconEye, IconShieldCheck, IconShieldHalfFilled, IconQuestionMark } from '@tabler/icons-react'

const statuses = {
  blocked: { label: 'Blocked', color: 'teal', Icon: IconShieldCheck },
  monitored: { label: 'Monitoring', color: 'yellow', Icon: IconEye },
  partially_blocked: { label: 'Partially blocked', color: 'orange', Icon: IconShieldHalfFilled },
} as const

/** How an attack or a request ended; a word and a sign, never colour alone. */
export function StatusBadge({ status }: { status: string | null | undefined }) {
  const known = Object.entries(statuses).find(([key]) => key === status)?.[1]
  const { label, color, Icon } = known ?? { label: 'Unknown', color: 'gray', Icon: IconQuestionMark }
  return <Badge color={color} leftSection={<Icon size={13} aria-hidden />}>{label}</Badge>
}
