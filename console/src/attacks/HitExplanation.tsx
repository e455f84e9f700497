/** Why detection found a hit: the points of its request, and the signatures that matched there. */
import { Alert, Badge, Button, Code, Group, List, Skeleton, Stack, Table, Text } from '@mantine/core'
import { IconListSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Fragment, useState } from 'react'
import { messageOf } from '../api/errors'
import type { Explanation, Hit } from '../api/types'
import { attackTypeLabel } from '../domain/attackTypes'
import { markBytes, type Span } from '../domain/marks'
import { pointText } from '../domain/points'
import { visibleText } from '../domain/visibleText'
import { Marked } from '../ui/Marked'
import { explanationQuery } from './queries'

type Point = Explanation['points'][number]
type Sign = Point['signs'][number]
type Finding = Explanation['detections'][number]

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
  if (error) return <Alert color="red" title="The explanation did not load">{messageOf(error)}</Alert>
  if (data === undefined) return <Skeleton height={120} mt="xs" />
  return <ExplanationView explanation={data} />
}

/** What `bartizan check request` prints: what was found, then the values with what each signature made of them. */
export function ExplanationView({ explanation }: { explanation: Explanation }) {
  const [all, setAll] = useState(false)
  const telling = explanation.points.filter(({ signs }) => signs.length > 0)
  const points = all ? explanation.points : telling
  return (
    <Stack gap="xs" mt="xs" role="region" aria-label="Explanation">
      <Text size="sm">{summary(explanation, telling.length)}</Text>
      {explanation.detections.length > 0 ? (
        <List size="sm" aria-label="Attacks found">
          {explanation.detections.map((found, index) => <List.Item key={index}><Finding found={found} /></List.Item>)}
        </List>
      ) : null}
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
      {explanation.points.length > telling.length ? (
        <Button size="compact-xs" variant="subtle" style={{ alignSelf: 'flex-start' }} onClick={() => setAll(!all)}>
          {all ? 'Only where something matched' : `All ${explanation.points.length} values of the request`}
        </Button>
      ) : null}
    </Stack>
  )
}

/** One attack: type and technique, where, by which signatures, and the payload. */
function Finding({ found }: { found: Finding }) {
  const stamps = found.stamps.length === 0 ? 'no stamp' : `${found.stamps.length === 1 ? 'stamp' : 'stamps'} ${found.stamps.join(', ')}`
  const technique = found.subtype === '' ? '' : ` (${found.subtype})`
  return (
    <>
      {attackTypeLabel(found.type)}{technique} in {pointText(found.point)}, {stamps}
      {found.value === '' ? null : (
        <>: <span className="mono" style={{ overflowWrap: 'anywhere' }}><Marked pieces={markBytes(found.value, [[found.start, found.end]])} /></span></>
      )}
    </>
  )
}

function summary(explanation: Explanation, places: number): string {
  const limits = [
    explanation.body_truncated ? 'Only the beginning of the body was recorded.' : '',
    explanation.stopped ? 'A limit ended the inspection before everything was seen.' : '',
    explanation.depth_limited > 0 ? `${explanation.depth_limited} values were nested too deep to be decoded further.` : '',
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
      <Table.Td>
        <span className="mono" style={{ overflowWrap: 'anywhere' }}><Marked pieces={markBytes(point.value, countingSpans(point))} /></span>
      </Table.Td>
      <Table.Td>{point.signs.length === 0 ? '–' : <Stack gap={6}>{point.signs.map((sign, index) => <SignLine key={index} sign={sign} />)}</Stack>}</Table.Td>
    </Table.Tr>
  )
}

/** Where signatures that count match the value itself; another reading of it has other bytes. */
function countingSpans({ signs }: Point): Span[] {
  return signs.filter(({ fired, form }) => fired && form === 'as sent').map(({ start, end }) => [start, end])
}

function kindOf({ role, shape, plain, bytes }: Point): string {
  // As the command says it: a header that keeps to its grammar is not inspected.
  const passed = role === 'parsed' ? 'taken apart' : `${role}, passed by its grammar`
  const kind = plain ? 'plain' : (shape ?? passed)
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
        {` (bytes ${sign.start}..${sign.end}); opened by `}
        {sign.literals.map((literal, index) => <Fragment key={index}>{index === 0 ? '' : ' '}<Code>{visibleText(literal)}</Code></Fragment>)}
      </Text>
    </div>
  )
}
