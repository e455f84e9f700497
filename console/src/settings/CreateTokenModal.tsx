import { Button, Group, Modal, Radio, Select, Stack, TextInput } from '@mantine/core'
import { useState } from 'react'
import { roles } from '../domain/permissions'
import { nowSeconds } from '../domain/time'
import { FormModal } from '../ui/FormModal'
import { SecretOnce } from '../ui/SecretOnce'
import { useCreateToken } from './queries'

const lifetimes = {
  '604800': '7 days',
  '2592000': '30 days',
  '7776000': '90 days',
  '31536000': '1 year',
  never: 'Never',
} as const

export function CreateTokenModal({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [type, setType] = useState<'personal' | 'shared'>('personal')
  const [usage, setUsage] = useState<'api' | 'node'>('api')
  const [role, setRole] = useState('analytic')
  const [lifetime, setLifetime] = useState('7776000')
  const [problem, setProblem] = useState<string>()
  const create = useCreateToken()
  if (create.data) return <CreatedModal name={create.data.name} token={create.data.token ?? ''} onClose={onClose} />
  const submit = () => {
    setProblem(name.trim() === '' ? 'Give the token a name' : undefined)
    if (name.trim() === '') return
    create.mutate({
      name: name.trim(),
      type,
      usage,
      expires_at: lifetime === 'never' ? null : nowSeconds() + Number(lifetime),
      ...(usage === 'api' ? { role } : {}),
    })
  }
  return (
    <FormModal title="Create an API token" opened onClose={onClose} onSubmit={submit} submit="Create token" busy={create.isPending} error={create.error}>
      <TextInput label="Name" required maxLength={128} data-autofocus value={name} error={problem} onChange={(event) => setName(event.currentTarget.value)} />
      <Radio.Group label="Used for" value={usage} onChange={(value) => setUsage(value === 'node' ? 'node' : 'api')}>
        <Stack gap={8} mt={6}>
          <Radio value="api" label="API calls" />
          <Radio value="node" label="Node deployment" description="Registers filter nodes; nothing else." />
        </Stack>
      </Radio.Group>
      {usage === 'api' ? (
        <Select label="Rights" data={Object.entries(roles).map(([value, label]) => ({ value, label }))} value={role} onChange={(value) => setRole(value ?? 'analytic')} />
      ) : null}
      <Radio.Group label="Belongs to" value={type} onChange={(value) => setType(value === 'shared' ? 'shared' : 'personal')}>
        <Stack gap={8} mt={6}>
          <Radio value="personal" label="Me" description="Ends with my account, and never has more rights than I have." />
          <Radio value="shared" label="All administrators" description="Tied to no person." />
        </Stack>
      </Radio.Group>
      <Select label="Expires after" data={Object.entries(lifetimes).map(([value, label]) => ({ value, label }))} value={lifetime} onChange={(value) => setLifetime(value ?? '7776000')} />
    </FormModal>
  )
}

function CreatedModal({ name, token, onClose }: { name: string; token: string; onClose: () => void }) {
  return (
    <Modal title={`Token ${name}`} opened onClose={onClose} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <SecretOnce label="API token" value={token} note="Send it in the X-WallarmApi-Token header. Anybody who has it has its rights." />
        <Group justify="flex-end"><Button onClick={onClose}>I have copied it</Button></Group>
      </Stack>
    </Modal>
  )
}
