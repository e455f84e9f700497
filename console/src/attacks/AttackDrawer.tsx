/** Everything about one attack, beside the list it came from. */
import { Badge, Drawer, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { IconFlag, IconFlagOff, IconShieldPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Attack } from '../api/types'
import { attackTypeLabel, canMarkFalse } from '../domain/attackTypes'
import { pointText } from '../domain/points'
import { visibleText } from '../domain/visibleText'
import { useRefusal } from '../session/queries'
import { Facts } from '../ui/Facts'
import { GuardedButton } from '../ui/GuardedButton'
import { EmptyState, ErrorState } from '../ui/States'
import { StatusBadge } from '../ui/StatusBadge'
import { Time } from '../ui/Time'
import { address, IncidentBadge } from './columns'
import { HitList } from './HitList'
import { PatchModal } from './PatchModal'
import { attackQuery, hitsQuery, useMarkAttack } from './queries'

interface AttackDrawerProps {
  id: string | undefined
  onClose: () => void
}

export function AttackDrawer({ id, onClose }: AttackDrawerProps) {
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      size="min(880px, 100vw)"
      title="Attack details"
      closeButtonProps={{ 'aria-label': 'Close details' }}
    >
      {id === undefined ? null : <AttackDetails id={id} />}
    </Drawer>
  )
}

function AttackDetails({ id }: { id: string }) {
  const { data: attack, error, refetch } = useQuery(attackQuery(id))
  // What was read before stays when reading it again fails.
  if (error && !attack) return <ErrorState error={error} onRetry={() => void refetch()} />
  if (attack === undefined) return <Skeleton height={180} />
  if (attack === null) return <EmptyState title="This attack is gone">It may be older than what is kept.</EmptyState>
  return <AttackView attack={attack} />
}

function AttackView({ attack }: { attack: Attack }) {
  const hits = useQuery(hitsQuery(attack.attackid))
  const [patching, setPatching] = useState(false)
  return (
    <Stack gap="lg">
      <div>
        <Group gap="xs" mb={4}>
          <Title order={2} size="h3">{attackTypeLabel(attack.type)}</Title>
          <StatusBadge status={attack.block_status} />
          {attack.state === 'falsepositive' ? <Badge color="gray">False positive</Badge> : null}
          {attack.vulnid === null ? null : <Badge color="red">Incident</Badge>}
        </Group>
        <Text className="mono" size="sm" style={{ overflowWrap: 'anywhere' }}>{visibleText(`${attack.method} ${address(attack)}`)}</Text>
      </div>
      <AttackActions attack={attack} onPatch={() => setPatching(true)} />
      <AttackFacts attack={attack} />
      <HitList attack={attack} hits={hits.data} error={hits.error} onRetry={() => void hits.refetch()} />
      <PatchModal key={attack.attackid} attack={attack} hit={hits.data?.[0]} opened={patching} onClose={() => setPatching(false)} />
    </Stack>
  )
}

function AttackActions({ attack, onPatch }: { attack: Attack; onPatch: () => void }) {
  const refusal = useRefusal()
  const mark = useMarkAttack()
  const isFalse = attack.state === 'falsepositive'
  const unfit = canMarkFalse(attack.type) ? undefined : 'Attacks found by behaviour cannot be false positives'
  const Icon = isFalse ? IconFlagOff : IconFlag
  return (
    <Group gap="xs">
      <GuardedButton
        leftSection={<IconShieldPlus size={17} />}
        refusal={refusal('create_rule')}
        onClick={onPatch}
      >
        Create virtual patch
      </GuardedButton>
      <GuardedButton
        variant="default"
        leftSection={<Icon size={17} />}
        refusal={unfit ?? refusal('update_attack')}
        loading={mark.isPending}
        onClick={() => mark.mutate({ attack, mark: !isFalse })}
      >
        {isFalse ? 'Unmark false positive' : 'Mark as false positive'}
      </GuardedButton>
    </Group>
  )
}

function AttackFacts({ attack }: { attack: Attack }) {
  const codes = attack.statuscodes.map((code) => (code === 0 ? 'no response' : String(code))).join(', ')
  return (
    <Facts
      facts={[
        ['Parameter', pointText(attack.point)],
        ['Malicious requests', attack.hits.toLocaleString('en')],
        ['Distinct payloads', attack.vectors_count.toLocaleString('en')],
        ['Response codes', codes || '–'],
        ['Source IPs', attack.ip_top.map(({ ip, count }) => `${ip} (${count.toLocaleString('en')})`).join(', ') || '–'],
        ['Application', attack.poolid === -1 ? 'Default' : `#${attack.poolid}`],
        ['First seen', <Time key="first" at={attack.first_time} />],
        ['Last seen', <Time key="last" at={attack.last_time} />],
        ...attack.vulns.map((vuln) => [
          `Vulnerability ${vuln.wid}`,
          <Group key={vuln.id} gap="xs">{vuln.title}<IncidentBadge status={vuln.status} /></Group>,
        ] as const),
        ...(attack.known_attack && attack.known_attack.length > 0
          ? [['Known as', attack.known_attack.join(', ')] as const]
          : []),
      ]}
    />
  )
}
