import { Alert, Button, Card, Group, MultiSelect, Select, Stack, Switch, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconPlus, IconTrash } from '@tabler/icons-react'
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { messageOf } from '../../api/errors'
import { groupRoles, roleLabel } from '../../domain/permissions'
import { succeeded } from '../../ui/feedback'
import { FormModal } from '../../ui/FormModal'
import { IconButton } from '../../ui/GuardedButton'

const groupsQuery = queryOptions({ queryKey: ['sso', 'groups'], queryFn: () => bodyOf(api.GET('/v1/sso/groups')) })
const clientsQuery = queryOptions({ queryKey: ['clients'], queryFn: () => bodyOf(api.POST('/v1/objects/client', { body: { limit: 1000 } })) })

/** Which group of the provider has which role in which clients. For global administrators. */
export function GroupsCard() {
  const client = useQueryClient()
  const { data: groups, error } = useQuery(groupsQuery)
  const { data: clients } = useQuery(clientsQuery)
  const [adding, setAdding] = useState(false)
  const names = new Map((clients ?? []).map(({ id, name }) => [id, name]))
  const change = useMutation({
    mutationFn: async ({ id, enabled }: { id: number; enabled: boolean | null }) => {
      const params = { path: { id } }
      if (enabled === null) await bodyOf(api.DELETE('/v1/sso/groups/{id}', { params }))
      else await bodyOf(api.PUT('/v1/sso/groups/{id}', { params, body: { enabled } }))
    },
    onSettled: () => client.invalidateQueries(groupsQuery),
  })
  const failure = error ?? change.error
  return (
    <Card p="lg">
      <Stack gap="sm">
        <div>
          <Text fw={600}>Groups and clients</Text>
          <Text size="sm" c="dimmed">While they decide about clients, each person reaches what its groups give and nothing else. Where groups overlap, the wider role counts.</Text>
        </div>
        {(groups ?? []).map((group) => (
          <Group key={group.id} wrap="nowrap" justify="space-between">
            <div>
              <Text size="sm" fw={500}>{group.name}</Text>
              <Text size="sm" c="dimmed">
                {roleLabel([group.role])}: {group.client_ids.map((id) => names.get(id) ?? `#${id}`).join(', ')}
              </Text>
            </div>
            <Group gap="xs" wrap="nowrap">
              <Switch aria-label={`Group ${group.name} counts`} checked={group.enabled} onChange={(event) => change.mutate({ id: group.id, enabled: event.currentTarget.checked })} />
              <IconButton label={`Delete group ${group.name}`} icon={<IconTrash size={17} />} onClick={() => change.mutate({ id: group.id, enabled: null })} />
            </Group>
          </Group>
        ))}
        {failure ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(failure)}</Alert> : null}
        <Group>
          <Button variant="subtle" size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>Add a group for clients</Button>
        </Group>
        <AddModal opened={adding} onClose={() => setAdding(false)} clients={(clients ?? []).map(({ id, name }) => ({ value: String(id), label: name }))} />
      </Stack>
    </Card>
  )
}

function AddModal({ opened, onClose, clients }: { opened: boolean; onClose: () => void; clients: { value: string; label: string }[] }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [role, setRole] = useState('analytic')
  const [chosen, setChosen] = useState<string[]>([])
  const add = useMutation({
    mutationFn: () => bodyOf(api.POST('/v1/sso/groups', { body: { name: name.trim(), role, client_ids: chosen.map(Number) } })),
    onSuccess: async () => {
      succeeded('Group added')
      await client.invalidateQueries(groupsQuery)
      close()
    },
  })
  const close = () => {
    onClose()
    setName('')
    setChosen([])
    add.reset()
  }
  return (
    <FormModal title="Add a group for clients" opened={opened} onClose={close} submit="Add" busy={add.isPending} error={add.error} onSubmit={() => add.mutate()}>
      <TextInput label="Group at the provider" required withAsterisk={false} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <Select label="Role" data={groupRoles} value={role} allowDeselect={false} onChange={(value) => setRole(value ?? 'analytic')} />
      <MultiSelect label="Clients" description="For a global role the technical client alone" data={clients} value={chosen} onChange={setChosen} searchable />
    </FormModal>
  )
}
