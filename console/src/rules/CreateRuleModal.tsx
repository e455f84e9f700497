import { Fieldset, Group, Radio, Select, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { applicationsQuery } from '../applications/queries'
import { pointRuleTypes, regexRuleTypes, typeOptions } from '../domain/attackTypes'
import { pointPresets } from '../domain/points'
import { FormModal } from '../ui/FormModal'
import { isMode, isRuleKind, modes, ruleKinds } from './kinds'
import { useCreateRule } from './queries'
import { emptyRule, ruleInput, ruleProblems, type RuleForm, type RuleProblems } from './ruleForm'

type Change = (change: Partial<RuleForm>) => void

interface PartProps {
  form: RuleForm
  problems: RuleProblems
  onChange: Change
}

export function CreateRuleModal({ onClose }: { onClose: () => void }) {
  const [form, setForm] = useState(emptyRule)
  const [tried, setTried] = useState(false)
  const create = useCreateRule(onClose)
  const problems = tried ? ruleProblems(form) : {}
  const change: Change = (part) => setForm((current) => ({ ...current, ...part }))
  const submit = () => {
    setTried(true)
    if (Object.keys(ruleProblems(form)).length === 0) create.mutate(ruleInput(form))
  }
  return (
    <FormModal title="Create a rule" opened onClose={onClose} onSubmit={submit} submit="Create rule" busy={create.isPending} error={create.error} size="lg">
      <Radio.Group
        label="Kind" value={form.kind}
        onChange={(kind) => {
          // The types on offer differ by kind; the first one of the new kind is a safe start.
          if (isRuleKind(kind)) change({ kind, attackType: kind === 'regex' ? 'sqli' : 'any' })
        }}
      >
        <Stack gap={8} mt={6}>
          {Object.entries(ruleKinds).map(([kind, { label, help }]) => (
            <Radio key={kind} value={kind} label={label} description={help} />
          ))}
        </Stack>
      </Radio.Group>
      <ScopeFields form={form} problems={problems} onChange={change} />
      <Fieldset legend="What it does">
        {form.kind === 'wallarm_mode' ? (
          <Select
            label="Mode" data={Object.entries(modes).map(([value, label]) => ({ value, label }))} value={form.mode}
            onChange={(mode) => (isMode(mode) ? change({ mode }) : undefined)}
          />
        ) : <PointFields form={form} problems={problems} onChange={change} />}
      </Fieldset>
      <Textarea label="Comment" placeholder="Why this rule exists" autosize minRows={1} maxLength={4096} value={form.comment} onChange={(event) => change({ comment: event.currentTarget.value })} />
    </FormModal>
  )
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']

function ScopeFields({ form, problems, onChange }: PartProps) {
  const { data } = useQuery(applicationsQuery)
  const applications = (data ?? []).map(({ id, name }) => ({ value: String(id), label: `${name} (${id})` }))
  return (
    <Fieldset legend="Where it applies">
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
        <TextInput label="Host" placeholder="Any host" value={form.domain} error={problems.domain} onChange={(event) => onChange({ domain: event.currentTarget.value })} />
        <TextInput
          label="Path" placeholder="Any path, or /api/**/*.*" value={form.path} error={problems.path}
          onChange={(event) => onChange({ path: event.currentTarget.value })}
        />
        <Select label="Application" placeholder="All applications" clearable allowDeselect data={applications} value={form.application === '' ? null : form.application} onChange={(value) => onChange({ application: value ?? '' })} />
        <Select label="Method" placeholder="Any method" clearable allowDeselect data={methods} value={form.method === '' ? null : form.method} onChange={(value) => onChange({ method: value ?? '' })} />
      </SimpleGrid>
    </Fieldset>
  )
}

function PointFields({ form, problems, onChange }: PartProps) {
  const preset = pointPresets.find(({ value }) => value === form.preset)
  const types = form.kind === 'regex' ? regexRuleTypes : pointRuleTypes
  return (
    <Stack gap="sm">
      <Group grow align="flex-start">
        <Select
          label="Part of the request" data={pointPresets.map(({ value, label }) => ({ value, label }))} value={form.preset}
          onChange={(value) => {
            const chosen = pointPresets.find((option) => option.value === value)
            if (chosen) onChange({ preset: chosen.value })
          }}
        />
        {preset?.key ? (
          <TextInput label={preset.key} required value={form.key} error={problems.key} onChange={(event) => onChange({ key: event.currentTarget.value })} />
        ) : null}
      </Group>
      {form.kind === 'regex' ? (
        <TextInput
          label="Regular expression" required className="mono" value={form.regex} error={problems.regex}
          description="Matches anywhere in the value; use ^ and $ for the whole."
          onChange={(event) => onChange({ regex: event.currentTarget.value })}
        />
      ) : null}
      <Select
        label={form.kind === 'regex' ? 'Call it' : 'Attack type'} searchable data={typeOptions(types)} value={form.attackType}
        onChange={(attackType) => onChange({ attackType: attackType ?? 'any' })}
      />
    </Stack>
  )
}
