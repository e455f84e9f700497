import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { CopyField } from './CopyField'

/** A secret at the only moment it can be seen. */
export function SecretOnce({ label, value, note }: { label: string; value: string; note: string }) {
  return (
    <Alert color="yellow" variant="light" icon={<IconAlertTriangle />} title="Copy it now: it is shown only once">
      <Stack gap="xs">
        <Text size="sm">{note}</Text>
        <CopyField label={label} value={value} />
      </Stack>
    </Alert>
  )
}
