import { Select } from '@mantine/core'

interface FilterSelectProps {
  /** Accessible name; what is filtered by. */
  label: string
  /** What is shown while nothing is chosen. */
  placeholder: string
  width: number
  data: readonly { value: string; label: string }[]
  value: string | undefined
  /** `undefined` when the filter is cleared. */
  onChange: (value: string | undefined) => void
}

/** A filter of one value. Its cross is out of reach of the keyboard: choosing the chosen value once more clears it, too. */
export function FilterSelect({ label, placeholder, width, data, value, onChange }: FilterSelectProps) {
  return (
    <Select
      size="xs" w={width} aria-label={label} placeholder={placeholder} clearable allowDeselect
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }}
      data={[...data]} value={value ?? null} onChange={(chosen) => onChange(chosen ?? undefined)}
    />
  )
}
