import { Skeleton, Text } from '@mantine/core'
import type { AttackCount } from '../api/types'
import { changeOf } from '../domain/change'
import classes from './CountStrip.module.css'

interface CountStripProps {
  noun: string
  /** Whether there will be no figures, because the search is not understood or nothing loaded. */
  failed: boolean
  count: AttackCount | undefined
  /** The same of the period before, where there is one. */
  before: AttackCount | undefined
}

/** The size of the selection at a glance, and how it changed. */
export function CountStrip({ noun, failed, count, before }: CountStripProps) {
  const figures = [
    { label: noun, value: count?.attacks, was: before?.attacks },
    { label: 'Malicious requests', value: count?.hits, was: before?.hits },
    { label: 'Source IPs', value: count?.ips, was: before?.ips },
  ]
  return (
    <dl className={classes.strip}>
      {figures.map(({ label, value, was }) => (
        <div key={label} className={classes.figure}>
          <Text component="dt" size="xs" c="dimmed" fw={550}>{label}</Text>
          <dd className={`${classes.value} tabular`}>
            {value === undefined ? <NoFigure failed={failed} /> : value.toLocaleString('en')}
            {value !== undefined && was !== undefined && <Change now={value} before={was} />}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function NoFigure({ failed }: { failed: boolean }) {
  return failed ? <Text span inherit c="dimmed">–</Text> : <Skeleton height={24} width={56} />
}

function Change({ now, before }: { now: number; before: number }) {
  const change = changeOf(now, before)
  if (change === undefined) return null
  return (
    <Text component="span" size="xs" c="dimmed" fw={500} ml="xs" title={`${before.toLocaleString('en')} in the period before`}>
      {change}
    </Text>
  )
}
