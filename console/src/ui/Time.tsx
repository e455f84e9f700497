import { Text, Tooltip, type TextProps } from '@mantine/core'
import { absoluteTime, isoTime, relativeTime } from '../domain/time'
import { useNow } from './clock'

interface TimeProps extends TextProps {
  /** UNIX seconds; `null` renders `missing`. */
  at: number | null | undefined
  missing?: string
}

/** A moment: relative in the page, exact in the reader's zone on hover or focus. */
export function Time({ at, missing = 'Never', ...text }: TimeProps) {
  const now = useNow()
  if (at === null || at === undefined || at === 0) {
    return <Text span inherit c="dimmed" {...text}>{missing}</Text>
  }
  // The page's clock ticks seldom and may be behind the server's: what just happened is not in the future.
  const shown = relativeTime(Math.abs(at - now) < 45 ? now : at, now)
  return (
    <Tooltip label={absoluteTime(at)} events={{ hover: true, focus: true, touch: true }}>
      <Text span inherit {...text}>
        <time dateTime={isoTime(at)}>{shown}</time>
      </Text>
    </Tooltip>
  )
}
