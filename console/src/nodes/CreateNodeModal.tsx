import { Button, Code, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { CreatedNode } from '../api/types'
import { FormModal } from '../ui/FormModal'
import { SecretOnce } from '../ui/SecretOnce'
import { useCreateNode } from './queries'

interface CreateNodeModalProps {
  opened: boolean
  onClose: () => void
}

export function CreateNodeModal({ opened, onClose }: CreateNodeModalProps) {
  const [name, setName] = useState('')
  const create = useCreateNode()
  const close = () => {
    onClose()
    setName('')
    create.reset()
  }
  if (create.data) return <CreatedModal node={create.data} onClose={close} />
  return (
    <FormModal
      title="Create a node" opened={opened} onClose={close} submit="Create node" busy={create.isPending} error={create.error}
      onSubmit={() => {
        if (name.trim() !== '') create.mutate(name.trim())
      }}
    >
      <TextInput
        label="Name" description="Instances started with this node's token form one group." required data-autofocus
        value={name} onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormModal>
  )
}

function CreatedModal({ node, onClose }: { node: CreatedNode; onClose: () => void }) {
  return (
    <Modal title={`${node.hostname} is ready to start`} opened onClose={onClose} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <SecretOnce label="Node token" value={node.token} note="An instance registers with this token. Anybody who has it can add instances to this node." />
        <Text size="sm">Put the token into the environment of the instance and start it:</Text>
        <Code block>{'export BARTIZAN_API_TOKEN=…\nbartizan node --config node.toml'}</Code>
        <Group justify="flex-end"><Button onClick={onClose}>Done</Button></Group>
      </Stack>
    </Modal>
  )
}
