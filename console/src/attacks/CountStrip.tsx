import { Skeleton, Text } from '@mantine/core'
import type { AttackCount } from '../api/types'
import classes from './CountStrip.module.css'

interface CountStripProps {
  noun: string
  count: AttackCount | undefined
}

/** The size of the selection at a glance. */
export function CountStrip({ noun, count }: CountStripProps) {
  const figures = [
    { label: noun, value: count?.attacks },
    { label: 'Malicious requests', value: count?.hits },
    { label: 'Source IPs', value: count?.ips },
  ]
  return (
    <dl className={classes.strip}>
      {figures.map(({ label, value }) => (
        <div key={label} className={classes.figure}>
          <Text component="dt" size="xs" c="dimmed" fw={550}>{label}</Text>
          <dd className={`${classes.value} tabular`}>
            {value === undefined ? <Skeleton height={24} width={56} /> : value.toLocaleString('en')}
          </dd>
        </div>
      ))}
    </dl>
  )
}
