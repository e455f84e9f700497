/** The payload of a hit, the sign itself marked where it is shown with what surrounds it. */
import type { Hit } from '../api/types'
import { markCharacters } from '../domain/marks'
import { CopyField } from '../ui/CopyField'
import { Marked } from '../ui/Marked'

export function Payload({ hit: { value, payload_span } }: { hit: Pick<Hit, 'value' | 'payload_span'> }) {
  if (value === '') return <CopyField label="Payload" value="–" />
  const pieces = payload_span ? markCharacters(value, payload_span) : []
  // A mark over everything would say nothing.
  if (pieces.length < 2) return <CopyField label="Payload" value={value} />
  return <CopyField label="Payload" value={value}><Marked pieces={pieces} /></CopyField>
}
