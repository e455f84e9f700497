import { Alert, Button, Card, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { messageOf } from '../../api/errors'
import type { components } from '../../api/schema'
import { groupRoles, roleLabel } from '../../domain/permissions'
import { useRefusal } from '../../session/queries'
import { GuardedButton, IconButton } from '../../ui/GuardedButton'
import { useSsoChange, type Sso } from './queries'

type Mapping = components['schemas']['GroupMapping']

/** The roles to choose from, and one that was given by a program and is not among them. */
const optionsWith = (role: string) =>
  role === '' || groupRoles.some(({ value }) => value === role) ? groupRoles : [...groupRoles, { value: role, label: roleLabel([role]) }]

export function MappingCard({ sso }: { sso: Sso }) {
  const refusal = useRefusal()
  const [rows, setRows] = useState<readonly Mapping[]>(sso.role_mapping)
  const save = useSsoChange((mapping: readonly Mapping[]) => bodyOf(api.PUT('/v1/sso/mapping', { body: [...mapping] })), 'Groups saved')
  const set = (index: number, change: Partial<Mapping>) => setRows(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  return (
    <Card p="lg">
      <Stack gap="sm">
        <div>
          <Text fw={600}>Groups and roles</Text>
          <Text size="sm" c="dimmed">Of several roles a person gets the widest; without any, no access.</Text>
        </div>
        {rows.map((row, index) => (
          // The order is the identity of a row that is being typed.
          <Group key={index} wrap="nowrap">
            <TextInput aria-label={`Group ${index + 1}`} placeholder="Group" flex={1} value={row.group} onChange={(event) => set(index, { group: event.currentTarget.value })} />
            <Select
              aria-label={`Role ${index + 1}`} placeholder="Role" w={220} allowDeselect={false} data={optionsWith(row.role)} value={row.role === '' ? null : row.role}
              onChange={(role) => set(index, { role: role ?? row.role })}
            />
            <IconButton label={`Remove group ${index + 1}`} icon={<IconTrash size={17} />} onClick={() => setRows(rows.filter((_, at) => at !== index))} />
          </Group>
        ))}
        {rows.length === 0 ? <Text size="sm">No group has a role yet{sso.provisioning ? ', so nobody new gets in' : ''}.</Text> : null}
        {save.error ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(save.error)}</Alert> : null}
        <Group justify="space-between">
          <Button variant="subtle" size="xs" leftSection={<IconPlus size={15} />} onClick={() => setRows([...rows, { group: '', role: '' }])}>Add a group</Button>
          <GuardedButton size="xs" refusal={refusal('update_sso')} loading={save.isPending} onClick={() => save.mutate(rows)}>Save groups</GuardedButton>
        </Group>
      </Stack>
    </Card>
  )
}
