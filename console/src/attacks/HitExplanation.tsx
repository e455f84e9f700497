/** Why detection found a hit: the points of its request, and the signatures that matched there. */
import { Alert, Badge, Button, Group, Skeleton, Stack, Table, Text } from '@mantine/core'
import { IconListSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { messageOf } from '../api/errors'
import type { Explanation, Hit } from '../api/types'
import { pointText } from '../domain/points'
import { visibleText } from '../domain/visibleText'
import { explanationQuery } from './queries'

type Point = Explanation['points'][number]
type Sign = Point['signs'][number]

export function HitExplanation({ hit }: { hit: Hit }) {
  const [open, setOpen] = useState(false)
  return (
    <div>
      <Button
        size="xs" variant="subtle" leftSection={<IconListSearch size={15} />} aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {open ? 'Hide the explanation' : 'Explain this hit'}
      </Button>
      {open ? <Explained hit={hit} /> : null}
    </div>
  )
}

function Explained({ hit }: { hit: Hit }) {
  const { data, error } = useQuery(explanationQuery(hit))
  const [all, setAll] = useState(false)
  if (error) return <Alert color="red" title="The explanation did not load">{messageOf(error)}</Alert>
  if (data === undefined) return <Skeleton height={120} mt="xs" />
  const telling = data.points.filter(({ signs }) => signs.length > 0)
  const points = all ? data.points : telling
  return (
    <Stack gap="xs" mt="xs" role="region" aria-label="Explanation">
      <Text size="sm">{summary(data, telling.length)}</Text>
      {points.length > 0 ? (
        <Table.ScrollContainer minWidth={420}>
          <Table verticalSpacing="xs" fz="sm">
            <Table.Thead>
              <Table.Tr><Table.Th>Where</Table.Th><Table.Th>Value</Table.Th><Table.Th>Signatures</Table.Th></Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {points.map((point, index) => <PointRow key={index} point={point} />)}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      ) : null}
      {data.points.length > telling.length ? (
        <Button size="compact-xs" variant="subtle" style={{ alignSelf: 'flex-start' }} onClick={() => setAll(!all)}>
          {all ? 'Only where something matched' : `All ${data.points.length} values of the request`}
        </Button>
      ) : null}
    </Stack>
  )
}

function summary(explanation: Explanation, places: number): string {
  const limits = [
    explanation.body_truncated ? 'Only the beginning of the body was recorded.' : '',
    explanation.stopped ? 'A limit ended the inspection before everything was seen.' : '',
    explanation.points_left_out > 0 ? `${explanation.points_left_out} more values are not shown.` : '',
  ]
  const found = places === 0
    ? 'No signature matches the recorded request: a rule, a list or data that was masked led to this hit.'
    : `Signatures match ${places === 1 ? 'one value' : `${places} values`} of the request.`
  return [found, ...limits].filter((sentence) => sentence !== '').join(' ')
}

function PointRow({ point }: { point: Point }) {
  return (
    <Table.Tr>
      <Table.Td>
        {pointText(point.point)}
        <Text size="xs" c="dimmed">{kindOf(point)}</Text>
      </Table.Td>
      <Table.Td><span className="mono" style={{ overflowWrap: 'anywhere' }}>{visibleText(point.value)}</span></Table.Td>
      <Table.Td>{point.signs.length === 0 ? '–' : <Stack gap={6}>{point.signs.map((sign, index) => <SignLine key={index} sign={sign} />)}</Stack>}</Table.Td>
    </Table.Tr>
  )
}

function kindOf({ role, shape, plain, bytes }: Point): string {
  const kind = role === 'parsed' ? 'taken apart' : plain ? 'plain' : (shape ?? role)
  return `${kind}, ${bytes.toLocaleString('en')} bytes`
}

function SignLine({ sign }: { sign: Sign }) {
  return (
    <div>
      <Group gap={6}>
        <span>{sign.stamp} {sign.subtype}</span>
        {sign.fired ? null : <Badge size="xs" color="gray">Does not count</Badge>}
      </Group>
      <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
        {sign.form === 'as sent' ? '' : `Read as ${sign.form}. `}
        {sign.payload === null ? 'What surrounds the match explains it.' : <>Matches <span className="mono">{visibleText(sign.payload ?? '')}</span></>}
      </Text>
    </div>
  )
}
