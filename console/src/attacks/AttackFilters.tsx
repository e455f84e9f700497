import { MultiSelect, Select } from '@mantine/core'
import { filterableTypes, typeOptions } from '../domain/attackTypes'
import { isPeriod, periods } from '../domain/time'
import { blockStatuses, defaultPeriod, isBlockStatus, isMarking, markings, type AttackSearch } from './search'

interface AttackFiltersProps {
  search: AttackSearch
  onChange: (change: Partial<AttackSearch>) => void
}

const periodOptions = Object.entries(periods).map(([value, { label }]) => ({ value, label }))
const statusOptions = Object.entries(blockStatuses).map(([value, label]) => ({ value, label }))
const markingOptions = Object.entries(markings).map(([value, label]) => ({ value, label }))

/** Period, type, status and marking of an event list. */
export function AttackFilters({ search, onChange }: AttackFiltersProps) {
  return (
    <>
      <Select
        size="xs" w={138} aria-label="Period" data={periodOptions} value={search.period ?? defaultPeriod}
        onChange={(value) => onChange({ period: isPeriod(value) && value !== defaultPeriod ? value : undefined })}
      />
      <MultiSelect
        size="xs" w={{ base: '100%', xs: 200 }} aria-label="Attack types" searchable clearable maxDropdownHeight={320} styles={{ inputField: { minWidth: 24 } }}
        placeholder={search.types ? '' : 'All types'} data={typeOptions(filterableTypes)} value={search.types ?? []}
        clearButtonProps={{ 'aria-label': 'Clear attack types' }}
        onChange={(types) => onChange({ types: types.length > 0 ? types : undefined })}
      />
      <Select
        size="xs" w={140} aria-label="Status" clearable placeholder="Any status" data={statusOptions} value={search.status ?? null}
        clearButtonProps={{ 'aria-label': 'Clear status' }}
        onChange={(value) => onChange({ status: isBlockStatus(value) ? value : undefined })}
      />
      <Select
        size="xs" w={178} aria-label="False positives" data={markingOptions} value={search.marking ?? 'real'}
        onChange={(value) => onChange({ marking: isMarking(value) && value !== 'real' ? value : undefined })}
      />
    </>
  )
}
