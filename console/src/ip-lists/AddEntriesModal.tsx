import { Checkbox, MultiSelect, Select, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { applicationsQuery } from '../applications/queries'
import { splitEntries, subnetProblem } from '../domain/addresses'
import { NEVER, nowSeconds } from '../domain/time'
import { FormModal } from '../ui/FormModal'
import { isConflict, useAddEntries } from './queries'
import { lists, type ListName } from './search'

const durations = {
  '3600': '1 hour',
  '86400': '1 day',
  '604800': '1 week',
  '2592000': '30 days',
  never: 'Forever',
} as const

interface AddEntriesModalProps {
  list: ListName
  onClose: () => void
}

export function AddEntriesModal({ list, onClose }: AddEntriesModalProps) {
  const [text, setText] = useState('')
  const [duration, setDuration] = useState('86400')
  const [reason, setReason] = useState('')
  const [pools, setPools] = useState<string[]>([])
  const [force, setForce] = useState(false)
  const [problem, setProblem] = useState<string>()
  const { data: applications } = useQuery(applicationsQuery)
  const add = useAddEntries(onClose)
  const submit = () => {
    const subnets = splitEntries(text)
    const wrong = subnets.length === 0 ? 'Type at least one address' : subnets.map(subnetProblem).find((found) => found !== undefined)
    setProblem(wrong)
    if (wrong !== undefined) return
    const expired_at = duration === 'never' ? NEVER : nowSeconds() + Number(duration)
    add.mutate({ list, subnets, expired_at, reason: reason.trim(), pools: pools.length > 0 ? pools.map(Number) : [0], force })
  }
  return (
    <FormModal title={`Add to the ${lists[list].label.toLowerCase()}`} opened onClose={onClose} onSubmit={submit} submit="Add" busy={add.isPending} error={add.error}>
      <Textarea
        label="Addresses and subnets" description="One per line, or separated by commas" placeholder={'198.51.100.7\n203.0.113.0/24'}
        className="mono" autosize minRows={3} maxRows={12} required data-autofocus value={text} error={problem}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Select label="For" data={Object.entries(durations).map(([value, label]) => ({ value, label }))} value={duration} onChange={(value) => setDuration(value ?? '86400')} />
      <MultiSelect
        label="Applications" placeholder={pools.length === 0 ? 'All applications' : ''} clearable value={pools} onChange={setPools}
        data={(applications ?? []).map(({ id, name }) => ({ value: String(id), label: `${name} (${id})` }))}
      />
      <TextInput label="Reason" maxLength={255} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {isConflict(add.error) || force ? (
        <Checkbox label="Replace entries for the same addresses in any list" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} />
      ) : null}
    </FormModal>
  )
}
