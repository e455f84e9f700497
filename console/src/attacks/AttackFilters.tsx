import { MultiSelect, Select } from '@mantine/core'
import { filterableTypes, typeOptions } from '../domain/attackTypes'
import { isPeriod, periods } from '../domain/time'
import { FilterSelect } from '../ui/FilterSelect'
import type { Said } from './filter'
import { blockStatuses, defaultPeriod, isBlockStatus, isMarking, markings, type AttackSearch } from './search'

interface AttackFiltersProps {
  search: AttackSearch
  /** What the search words decide where nothing is chosen here. */
  said: Said
  onChange: (change: Partial<AttackSearch>) => void
}

const periodOptions = Object.entries(periods).map(([value, { label }]) => ({ value, label }))
const statusOptions = Object.entries(blockStatuses).map(([value, label]) => ({ value, label }))
const markingOptions = Object.entries(markings).map(([value, label]) => ({ value, label }))

/** The choice that leaves it to the search words. */
const bySearch = { value: '', label: 'As searched' }

/** Period, type, status and marking of an event list. */
export function AttackFilters({ search, said, onChange }: AttackFiltersProps) {
  return (
    <>
      <Select
        size="xs" w={138} aria-label="Period" allowDeselect={false}
        data={said.period ? [bySearch, ...periodOptions] : periodOptions}
        value={search.period ?? (said.period ? bySearch.value : defaultPeriod)}
        onChange={(value) => onChange({ period: isPeriod(value) && (said.period || value !== defaultPeriod) ? value : undefined })}
      />
      <MultiSelect
        size="xs" w={{ base: '100%', xs: 200 }} aria-label="Attack types" searchable clearable maxDropdownHeight={320} styles={{ inputField: { minWidth: 24 } }}
        placeholder={search.types ? '' : 'All types'} data={typeOptions(filterableTypes)} value={search.types ?? []}
        clearButtonProps={{ 'aria-label': 'Clear attack types' }}
        onChange={(types) => onChange({ types: types.length > 0 ? types : undefined })}
      />
      <FilterSelect
        label="Status" placeholder="Any status" width={140} data={statusOptions} value={search.status}
        onChange={(value) => onChange({ status: isBlockStatus(value) ? value : undefined })}
      />
      <Select
        size="xs" w={178} aria-label="False positives" allowDeselect={false}
        data={said.marking ? [bySearch, ...markingOptions] : markingOptions}
        value={search.marking ?? (said.marking ? bySearch.value : 'real')}
        onChange={(value) => onChange({ marking: isMarking(value) && (said.marking || value !== 'real') ? value : undefined })}
      />
    </>
  )
}
