/** The "create rule" form: the shape of the screen, and how it becomes a request. */
import type { HintInput } from '../api/types'
import { presetPoint, pointPresets, type PointPreset } from '../domain/points'
import { scopeConditions, type ScopeInput } from '../domain/scope'
import type { Mode, RuleKind } from './kinds'

export interface RuleForm extends ScopeInput {
  kind: RuleKind
  mode: Mode
  attackType: string
  preset: PointPreset
  key: string
  regex: string
  comment: string
}

export const emptyRule: RuleForm = {
  kind: 'vpatch',
  application: '',
  domain: '',
  path: '',
  method: '',
  mode: 'monitoring',
  attackType: 'any',
  preset: 'get',
  key: '',
  regex: '',
  comment: '',
}

export type RuleProblems = Partial<Record<keyof RuleForm, string>>

/** What is missing before the server needs to be asked. */
export function ruleProblems(form: RuleForm): RuleProblems {
  const problems: RuleProblems = {}
  const preset = pointPresets.find(({ value }) => value === form.preset)
  if (form.kind !== 'wallarm_mode' && preset?.key && form.key.trim() === '') problems.key = 'Name the part of the request'
  if (form.kind === 'regex' && form.regex === '') problems.regex = 'An expression is needed'
  if (form.path.trim() !== '' && !form.path.trim().startsWith('/')) problems.path = 'A path starts with /'
  if (form.domain.includes('/')) problems.domain = 'Only the host name, and a port if there is one'
  return problems
}

/** The request that a filled form means. */
export function ruleInput(form: RuleForm): HintInput {
  const comment = form.comment.trim()
  const common = { type: form.kind, action: scopeConditions(form), ...(comment === '' ? {} : { comment }) }
  const point = presetPoint(form.preset, form.key.trim())
  switch (form.kind) {
    case 'wallarm_mode':
      return { ...common, mode: form.mode }
    case 'vpatch':
    case 'disable_attack_type':
      return { ...common, point: point.flat(), attack_type: form.attackType }
    case 'regex':
      return { ...common, point: point.flat(), attack_type: form.attackType, regex: form.regex }
  }
}
