import { Alert, Badge, Button, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconFilterCog, IconInfoCircle, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Hint } from '../api/types'
import { scopeText, scopeView } from '../domain/scope'
import { visibleText } from '../domain/visibleText'
import { useRefusal } from '../session/queries'
import { DataTable, type Column } from '../ui/DataTable'
import { confirmDanger } from '../ui/feedback'
import { FilterSelect } from '../ui/FilterSelect'
import { GuardedButton, IconButton } from '../ui/GuardedButton'
import { Page } from '../ui/Page'
import { EmptyState } from '../ui/States'
import { Time } from '../ui/Time'
import { CreateRuleModal } from './CreateRuleModal'
import { isGeneralMode, isRuleKind, kindLabel, ruleKinds, ruleSummary } from './kinds'
import { MOST_RULES, rulesQuery, useDeleteRule } from './queries'

function Scope({ rule }: { rule: Hint }) {
  const { application, rest } = scopeView(rule.action)
  const more = [application === null ? null : `application ${application}`, ...rest].filter((part) => part !== null)
  return (
    <Stack gap={0} maw={360}>
      <Text span inherit style={{ overflowWrap: 'anywhere' }}>{scopeText(rule.action)}</Text>
      {more.length > 0 ? <Text span size="xs" c="dimmed">{more.join(', ')}</Text> : null}
    </Stack>
  )
}

const columns: readonly Column<Hint>[] = [
  {
    id: 'type', header: 'Rule', value: (rule) => kindLabel(rule.type), minWidth: 160,
    cell: (rule) => (
      <Stack gap={0}>
        <Text span inherit fw={600}>{kindLabel(rule.type)}</Text>
        <Text span size="xs" c="dimmed">#{rule.id}</Text>
      </Stack>
    ),
  },
  {
    id: 'summary', header: 'What it does', value: ruleSummary, minWidth: 220,
    cell: (rule) => (
      <Stack gap={0} maw={400}>
        <Text span inherit style={{ overflowWrap: 'anywhere' }}>{ruleSummary(rule)}</Text>
        {rule.comment ? <Text span size="xs" c="dimmed" lineClamp={2}>{visibleText(rule.comment)}</Text> : null}
      </Stack>
    ),
  },
  { id: 'scope', header: 'Applies to', value: (rule) => scopeText(rule.action), minWidth: 200, cell: (rule) => <Scope rule={rule} /> },
  {
    id: 'active', header: 'State', value: (rule) => (rule.active ? 'Active' : 'Inactive'),
    cell: (rule) => <Badge variant="dot" color={rule.active ? 'teal' : 'gray'}>{rule.active ? 'Active' : 'Inactive'}</Badge>,
  },
  { id: 'updated_at', header: 'Updated', value: (rule) => rule.updated_at, minWidth: 110, cell: (rule) => <Time at={rule.updated_at} /> },
]

const kindOptions = Object.entries(ruleKinds).map(([value, { label }]) => ({ value, label }))

export function RulesPage() {
  const search = useSearch({ from: '/signed-in/rules' })
  const navigate = useNavigate({ from: '/rules' })
  const refusal = useRefusal()
  const [creating, { open, close }] = useDisclosure()
  const { data, error, refetch } = useQuery(rulesQuery(search.kind))
  const remove = useDeleteRule()
  const mayDelete = (rule: Hint) =>
    isGeneralMode(rule) ? 'The general mode can be changed but not deleted' : refusal('delete_rule')
  return (
    <Page
      title="Rules"
      description="What nodes do beyond their defaults, and where. A change reaches every node within a second."
      actions={<GuardedButton leftSection={<IconPlus size={17} />} refusal={refusal('create_rule')} onClick={open}>Create rule</GuardedButton>}
    >
      {data && data.length >= MOST_RULES ? (
        <Alert variant="light" mb="sm" icon={<IconInfoCircle />} role="status">
          This page shows the {MOST_RULES.toLocaleString('en')} rules that changed last; choose a kind to see others.
        </Alert>
      ) : null}
      <DataTable
        label="Rules"
        columns={columns}
        rows={data}
        rowKey={(rule) => String(rule.id)}
        error={error}
        onRetry={() => void refetch()}
        state={search}
        onStateChange={(next) => void navigate({ search: { ...search, ...next }, replace: true })}
        defaultSort="-updated_at"
        searchPlaceholder="Find a rule"
        filtered={search.kind !== undefined}
        filters={
          <FilterSelect
            label="Kind of rule" placeholder="All kinds" width={180} data={kindOptions} value={search.kind}
            onChange={(value) => void navigate({ search: { ...search, page: undefined, kind: isRuleKind(value) ? value : undefined } })}
          />
        }
        empty={
          <EmptyState title="No rules yet" icon={<IconFilterCog />} action={<Button variant="light" onClick={open} disabled={refusal('create_rule') !== undefined}>Create the first rule</Button>}>
            Nodes detect attacks without any. Rules add exceptions, patches and modes of your own.
          </EmptyState>
        }
        actions={(rule) => (
          <IconButton
            label={`Delete rule #${rule.id}`} danger icon={<IconTrash size={17} />} refusal={mayDelete(rule)}
            onClick={() => confirmDanger({
              title: `Delete rule #${rule.id}?`,
              text: `${kindLabel(rule.type)}: ${ruleSummary(rule)}. Nodes stop applying it within a second.`,
              confirm: 'Delete rule',
              onConfirm: () => remove.mutate(rule),
            })}
          />
        )}
      />
      {creating ? <CreateRuleModal onClose={close} /> : null}
    </Page>
  )
}
