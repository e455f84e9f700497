/** The requests behind an attack; each unfolds into the request as it travelled. */
import { Accordion, Alert, Badge, Code, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { IconFlag, IconFlagOff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Attack, Hit } from '../api/types'
import { messageOf } from '../api/errors'
import { canMarkFalse } from '../domain/attackTypes'
import { pointText } from '../domain/points'
import { markedRequest } from '../domain/rawRequest'
import { visibleText } from '../domain/visibleText'
import { useRefusal } from '../session/queries'
import { Facts } from '../ui/Facts'
import { GuardedButton } from '../ui/GuardedButton'
import { Marked } from '../ui/Marked'
import { ErrorState } from '../ui/States'
import { StatusBadge } from '../ui/StatusBadge'
import { Time } from '../ui/Time'
import { HitExplanation } from './HitExplanation'
import { Payload } from './Payload'
import classes from './HitList.module.css'
import { HITS_SHOWN, joinedId, requestQuery, useMarkHit } from './queries'

interface HitListProps {
  attack: Attack
  hits: readonly Hit[] | undefined
  error: unknown
  onRetry: () => void
}

export function HitList({ attack, hits, error, onRetry }: HitListProps) {
  const [open, setOpen] = useState<string | null>(null)
  if (error) return <ErrorState error={error} onRetry={onRetry} />
  const capped = hits !== undefined && hits.length === HITS_SHOWN && attack.hits > HITS_SHOWN
  return (
    <section aria-label="Hits">
      <Group justify="space-between" mb="xs">
        <Title order={3} size="h5">Hits</Title>
        {capped ? <Text size="xs" c="dimmed">The newest {HITS_SHOWN} of {attack.hits.toLocaleString('en')}</Text> : null}
      </Group>
      {hits === undefined ? <Skeleton height={120} /> : (
        <Accordion variant="contained" value={open} onChange={setOpen} order={4}>
          {hits.map((hit) => {
            const id = joinedId(hit.id)
            return (
              <Accordion.Item key={id} value={id}>
                <Accordion.Control><HitHead hit={hit} /></Accordion.Control>
                <Accordion.Panel>{open === id ? <HitDetails hit={hit} /> : null}</Accordion.Panel>
              </Accordion.Item>
            )
          })}
        </Accordion>
      )}
    </section>
  )
}

function HitHead({ hit }: { hit: Hit }) {
  return (
    <Group gap="sm" wrap="nowrap" justify="space-between">
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Text span className="mono" size="sm" truncate>{hit.value === '' ? 'No payload' : visibleText(hit.value)}</Text>
        <Text span size="xs" c="dimmed">
          <Time at={hit.time} /> from {hit.ip}{hit.remote_country ? ` (${hit.remote_country})` : ''}, answered {hit.statuscode === 0 ? 'nothing' : hit.statuscode}
        </Text>
      </Stack>
      <Group gap={6} wrap="nowrap" visibleFrom="xs">
        {hit.state === 'falsepositive' ? <Badge color="gray">False positive</Badge> : null}
        <StatusBadge status={hit.block_status} />
      </Group>
    </Group>
  )
}

function HitDetails({ hit }: { hit: Hit }) {
  const refusal = useRefusal()
  const mark = useMarkHit()
  const isFalse = hit.state === 'falsepositive'
  const unfit = canMarkFalse(hit.type) ? undefined : 'Hits found by behaviour cannot be false positives'
  const Icon = isFalse ? IconFlagOff : IconFlag
  return (
    <Stack gap="md">
      <div>
        <Text size="xs" c="dimmed" fw={550} mb={4}>Payload</Text>
        <Payload hit={hit} />
      </div>
      <RequestView hit={hit} />
      <HitExplanation hit={hit} />
      <Facts
        facts={[
          ['Where', pointText(hit.point)],
          ['Request id', <span key="id" className="mono">{hit.request_id}</span>],
          ['Response time', `${hit.response_time} ms`],
          ['Response size', `${hit.size.toLocaleString('en')} bytes`],
          ...(hit.attack_subtype ? [['Technique', hit.attack_subtype] as const] : []),
          ...(hit.known_attack && hit.known_attack.length > 0 ? [['Known as', hit.known_attack.join(', ')] as const] : []),
        ]}
      />
      <Group>
        <GuardedButton
          size="xs" variant="default" leftSection={<Icon size={15} />} loading={mark.isPending}
          refusal={unfit ?? refusal('update_attack')} onClick={() => mark.mutate({ hit, mark: !isFalse })}
        >
          {isFalse ? 'Unmark this hit' : 'Mark this hit as a false positive'}
        </GuardedButton>
      </Group>
    </Stack>
  )
}

function RequestView({ hit }: { hit: Hit }) {
  const { data, error } = useQuery(requestQuery(hit))
  if (error) return <Alert color="red" title="The request did not load">{messageOf(error)}</Alert>
  if (data === undefined) return <Skeleton height={140} />
  return (
    <div>
      <Text size="xs" c="dimmed" fw={550} mb={4}>Request</Text>
      <div className={classes.request} tabIndex={0} role="region" aria-label="Request">
        <Code block className={classes.code ?? ''}>
          <Marked pieces={markedRequest(data, hit)} />
        </Code>
      </div>
      {data.body_original_size ? (
        <Text size="xs" c="dimmed" mt={4}>The body was cut; it had {data.body_original_size.toLocaleString('en')} bytes.</Text>
      ) : null}
    </div>
  )
}
