import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './Facts.module.css'
import { visibleText } from '../domain/visibleText'

/** Names and values of one object, in columns. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className={classes.facts}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <Text component="dt" size="xs" c="dimmed" fw={550}>{name}</Text>
          <Text component="dd" size="sm" className={classes.value ?? ''}>{typeof value === 'string' ? visibleText(value) : value}</Text>
        </div>
      ))}
    </dl>
  )
}
