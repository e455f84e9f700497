import { Radio, Select, Stack, Text, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Attack, Condition, Hit } from '../api/types'
import { patchTypeFor, pointRuleTypes, typeOptions } from '../domain/attackTypes'
import { pointText } from '../domain/points'
import { scopeText } from '../domain/scope'
import { Facts } from '../ui/Facts'
import { FormModal } from '../ui/FormModal'
import { hitScopeQuery, useCreatePatch } from './queries'

interface PatchModalProps {
  attack: Attack
  hit: Hit | undefined
  opened: boolean
  onClose: () => void
}

/** The same scope without its path: everything on the host (of the same application). */
function hostScope(conditions: readonly Condition[]): Condition[] {
  return conditions.filter(({ point }) => point[0] === 'instance' || (point[0] === 'header' && point[1] === 'HOST'))
}

/** Answers an attack with a rule that blocks it, whatever mode the node is in. */
export function PatchModal({ attack, hit, opened, onClose }: PatchModalProps) {
  const [attackType, setAttackType] = useState(patchTypeFor(attack.type))
  const [reach, setReach] = useState<'endpoint' | 'host'>('endpoint')
  const [comment, setComment] = useState('')
  const scope = useQuery(hitScopeQuery(opened ? hit : undefined))
  const create = useCreatePatch(onClose)
  const conditions = scope.data
  const submit = () => {
    if (conditions === undefined) return
    create.mutate({
      attack_type: attackType,
      point: attack.point,
      action: reach === 'endpoint' ? conditions : hostScope(conditions),
      comment: comment.trim(),
    })
  }
  return (
    <FormModal
      title="Create a virtual patch" opened={opened} onClose={onClose} submit="Create virtual patch" size="lg"
      onSubmit={submit} busy={create.isPending || (opened && hit !== undefined && scope.isPending)} error={create.error ?? scope.error}
    >
      <Text size="sm" c="dimmed">
        Nodes will block matching requests in every mode but off, monitoring included, except from allowlisted addresses.
      </Text>
      <Facts facts={[['Where in the request', pointText(attack.point)]]} />
      <Select
        label="Block" data={typeOptions(pointRuleTypes)} value={attackType} searchable
        onChange={(value) => setAttackType(value ?? patchTypeFor(attack.type))}
        description={attackType === 'any' ? 'Any attack: every request that has this part is blocked.' : 'Requests whose part carries an attack of this type.'}
      />
      <Radio.Group label="Applies to" value={reach} onChange={(value) => setReach(value === 'host' ? 'host' : 'endpoint')}>
        <Stack gap={6} mt={6}>
          <Radio value="endpoint" label={conditions ? scopeText(conditions) : 'This endpoint'} />
          <Radio value="host" label={`Everything on ${attack.domain ?? 'the host'}`} />
        </Stack>
      </Radio.Group>
      <Textarea label="Comment" placeholder="Why this rule exists" autosize minRows={2} maxLength={4096} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
    </FormModal>
  )
}
