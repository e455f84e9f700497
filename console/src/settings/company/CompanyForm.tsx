import { Alert, Autocomplete, Button, Card, Group, Select, SimpleGrid, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { messageOf } from '../../api/errors'
import { durationText } from '../../domain/duration'
import { currentUserQuery, useRefusal } from '../../session/queries'
import { confirmDanger } from '../../ui/feedback'
import { GuardedButton } from '../../ui/GuardedButton'
import {
  ABSOLUTE_SECONDS, changedSettings, formOf, IDLE_SECONDS, MOST_NETWORKS, problemsOf, refusedField,
  type NetworkScope, type Settings, type SettingsForm,
} from './form'
import { useChangeCompanySettings } from './queries'

/** Usual time-outs; any other within the limits can be typed. */
const idleTimes = [900, 1_800, 3_600, 14_400, 28_800, 43_200, 86_400, 604_800].map(durationText)
const absoluteTimes = [3_600, 14_400, 28_800, 43_200, 86_400, 604_800, 2_592_000].map(durationText)

const scopes: { value: NetworkScope; label: string }[] = [
  { value: 'both', label: 'The Console and the API' },
  { value: 'console', label: 'The Console only' },
  { value: 'api', label: 'The API only: keys and tokens' },
]

const between = ([least, most]: readonly [number, number]) => `${durationText(least)} to ${durationText(most)}`

/** All sign-in settings as one form. Only what was changed is sent. */
export function CompanyForm({ clientId, stored }: { clientId: number; stored: Settings }) {
  const refusal = useRefusal()
  const { data: user } = useQuery(currentUserQuery)
  const [form, setForm] = useState(() => formOf(stored))
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set())
  const save = useChangeCompanySettings(clientId)
  const problems = problemsOf(form)
  const refused = refusedField(save.error)
  const change = changedSettings(form, stored)
  const changed = Object.keys(change).length > 0
  const edit = (next: Partial<SettingsForm>) => {
    save.reset()
    setForm({ ...form, ...next })
  }
  const submit = () => {
    setLeft(new Set(Object.keys(form)))
    if (Object.keys(problems).length > 0 || !changed) return
    if (change.mfa_enforced !== true) return save.mutate(change)
    confirmDanger({
      title: 'Require a second factor of everybody?',
      text: 'Who has none must set one up at the next sign-in, before anything else. Running sessions go on.',
      confirm: 'Require it',
      onConfirm: () => save.mutate(change),
    })
  }
  /** What every field has: its value, its problem once it was left, and why it cannot be changed. */
  const field = (name: keyof SettingsForm) => ({
    error: refused[name] ?? (left.has(name) ? problems[name] : undefined),
    onBlur: () => setLeft(new Set([...left, name])),
    readOnly: refusal('update_settings') !== undefined,
  })
  const text = (name: Exclude<keyof SettingsForm, 'mfa_enforced' | 'require_special' | 'allowed_networks_scope'>) => ({
    ...field(name),
    value: form[name],
    onChange: (event: { currentTarget: { value: string } }) => edit({ [name]: event.currentTarget.value }),
  })
  const noFactor = user?.mfa_enabled === false && !stored.mfa_enforced
  const readOnly = refusal('update_settings') !== undefined
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <Stack gap="lg" maw={720}>
        <Subject title="Sessions of the Console" description="Shorter times hold for running sessions too, from their next request on.">
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <Autocomplete
              label="Ends without activity after" description={between(IDLE_SECONDS)} data={idleTimes} filter={({ options }) => options}
              {...field('idle_timeout')} value={form.idle_timeout} onChange={(value) => edit({ idle_timeout: value })}
            />
            <Autocomplete
              label="Ends in any case after" description={between(ABSOLUTE_SECONDS)} data={absoluteTimes} filter={({ options }) => options}
              {...field('absolute_timeout')} value={form.absolute_timeout} onChange={(value) => edit({ absolute_timeout: value })}
            />
          </SimpleGrid>
        </Subject>
        <Subject title="Second factor" description="For everybody who signs in by password. Who signs in at a provider has the factors of that.">
          <Switch
            label="Everybody needs a second factor"
            description={noFactor ? 'Set up a second factor of your own first, in My sign-in.' : 'Who has none sets it up at the next sign-in.'}
            checked={form.mfa_enforced} disabled={readOnly || noFactor} error={refused.mfa_enforced}
            onChange={(event) => edit({ mfa_enforced: event.currentTarget.checked })}
          />
        </Subject>
        <Subject title="Passwords" description="Each rule holds from the next change of a password on.">
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            <TextInput label="Least length" description="Characters, 8 to 64" inputMode="numeric" {...text('min_length')} />
            <TextInput label="Changed every" description="Days, 1 to 365; empty is never" inputMode="numeric" {...text('rotation_days')} />
            <TextInput label="Not used again" description="Former passwords, 0 to 24" inputMode="numeric" {...text('history')} />
          </SimpleGrid>
          <Switch
            label="A special character is needed" description="One that is neither letter nor digit."
            checked={form.require_special} disabled={readOnly} onChange={(event) => edit({ require_special: event.currentTarget.checked })}
          />
        </Subject>
        <Subject title="Allowed networks" description="From elsewhere nobody gets in, whatever the password or key. Empty lets everybody in. Your own address must be among them.">
          <Textarea
            label="Networks" description={`Addresses or subnets such as 203.0.113.0/24, one a line, at most ${MOST_NETWORKS}`} placeholder="Any" autosize minRows={3} maxRows={12}
            classNames={{ input: 'mono' }} {...text('allowed_networks')}
          />
          <Select
            label="They limit" data={scopes} allowDeselect={false} {...field('allowed_networks_scope')} value={form.allowed_networks_scope}
            onChange={(value) => edit({ allowed_networks_scope: scopes.find((scope) => scope.value === value)?.value ?? 'both' })}
          />
        </Subject>
        <Subject title="Activity log" description="Older entries are removed for good, once a day.">
          <TextInput label="Kept for" description="Days, 90 to 3650" inputMode="numeric" maw={220} {...text('audit_retention_days')} />
        </Subject>
        {save.error && Object.keys(refused).length === 0 ? <Alert color="red" icon={<IconAlertCircle />} role="alert">{messageOf(save.error)}</Alert> : null}
        {/* On the left, where no notification lies over them. */}
        <Group gap="xs">
          <GuardedButton loading={save.isPending} refusal={refusal('update_settings') ?? (changed ? undefined : 'Nothing was changed')} onClick={submit}>Save changes</GuardedButton>
          {changed ? (
            <Button
              variant="subtle"
              onClick={() => {
                save.reset()
                setLeft(new Set())
                setForm(formOf(stored))
              }}
            >
              Reset
            </Button>
          ) : null}
        </Group>
      </Stack>
    </form>
  )
}

function Subject({ title, description, children }: { title: string; description: string; children: ReactNode }) {
  return (
    <Card p="lg" component="section" aria-label={title}>
      <Stack gap="md">
        <div>
          <Text fw={600} component="h3" m={0} inherit>{title}</Text>
          <Text size="sm" c="dimmed">{description}</Text>
        </div>
        {children}
      </Stack>
    </Card>
  )
}
