import { NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconApps, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { Application } from '../api/types'
import { applicationsQuery, useCreateApplication, useDeleteApplication, useRenameApplication } from '../applications/queries'
import { useRefusal } from '../session/queries'
import { DataTable, type Column } from '../ui/DataTable'
import { confirmDanger } from '../ui/feedback'
import { FormModal } from '../ui/FormModal'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { EmptyState } from '../ui/States'
import { Section } from './Section'

/** The default application always exists and cannot be deleted. */
const DEFAULT_ID = -1

const columns: readonly Column<Application>[] = [
  { id: 'name', header: 'Name', value: ({ name }) => name, minWidth: 220 },
  { id: 'id', header: 'Id', value: ({ id }) => id, align: 'right' },
]

export function ApplicationsPage() {
  const search = useSearch({ from: '/signed-in/settings/applications' })
  const navigate = useNavigate({ from: '/settings/applications' })
  const refusal = useRefusal()
  const [adding, { open, close }] = useDisclosure()
  const [renaming, setRenaming] = useState<Application>()
  const { data, error, refetch } = useQuery(applicationsQuery)
  const remove = useDeleteApplication()
  return (
    <Section
      title="Applications"
      description="Names for parts of your traffic, by the id that a node's configuration gives them."
      actions={<GuardedButton leftSection={<IconPlus size={17} />} refusal={refusal('create_application')} onClick={open}>Add application</GuardedButton>}
    >
      <DataTable
        label="Applications"
        columns={columns}
        rows={data}
        rowKey={({ id }) => String(id)}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: next, replace: true })}
        defaultSort="id"
        searchPlaceholder="Find an application"
        empty={<EmptyState title="No applications" icon={<IconApps />} />}
        actions={(application) => (
          <>
            <IconButton label={`Rename ${application.name}`} icon={<IconPencil size={17} />} refusal={refusal('update_application')} onClick={() => setRenaming(application)} />
            <IconButton
              label={`Delete ${application.name}`} danger icon={<IconTrash size={17} />}
              refusal={application.id === DEFAULT_ID ? 'The default application cannot be deleted' : refusal('delete_application')}
              onClick={() => confirmDanger({
                title: `Delete ${application.name}?`,
                text: 'Its events and rules stay. It comes back when a node still sends its id.',
                confirm: 'Delete application',
                onConfirm: () => remove.mutate(application),
              })}
            />
          </>
        )}
      />
      {adding ? <AddModal onClose={close} /> : null}
      {renaming ? <RenameModal application={renaming} onClose={() => setRenaming(undefined)} /> : null}
    </Section>
  )
}

function AddModal({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [id, setId] = useState<number | string>('')
  const create = useCreateApplication(onClose)
  return (
    <FormModal
      title="Add an application" opened onClose={onClose} submit="Add application" busy={create.isPending} error={create.error}
      onSubmit={() => {
        if (name.trim() !== '') create.mutate({ name: name.trim(), id: typeof id === 'number' ? id : null })
      }}
    >
      <TextInput label="Name" required maxLength={255} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <NumberInput label="Id" description="Left empty, the next free one is taken" min={1} max={2_147_483_647} allowDecimal={false} hideControls value={id} onChange={setId} />
    </FormModal>
  )
}

function RenameModal({ application, onClose }: { application: Application; onClose: () => void }) {
  const [name, setName] = useState(application.name)
  const rename = useRenameApplication(onClose)
  return (
    <FormModal
      title={`Rename ${application.name}`} opened onClose={onClose} submit="Rename" busy={rename.isPending} error={rename.error}
      onSubmit={() => {
        if (name.trim() !== '') rename.mutate({ id: application.id, name: name.trim() })
      }}
    >
      <TextInput label="Name" required maxLength={255} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
    </FormModal>
  )
}
