/** The kinds of rules that the Console can make, and how each reads in a list. */
import type { Hint } from '../api/types'
import { attackTypeLabel } from '../domain/attackTypes'
import { pointText } from '../domain/points'
import { visibleText } from '../domain/visibleText'

export const ruleKinds = {
  vpatch: { label: 'Virtual patch', help: 'Blocks an attack at one part of the request, in monitoring too.' },
  wallarm_mode: { label: 'Filtration mode', help: 'Sets how nodes treat the requests of a scope.' },
  regex: { label: 'Custom detection', help: 'Calls a request an attack when a part of it matches an expression.' },
  disable_attack_type: { label: 'Ignore attack type', help: 'Drops detections of a type at one part of the request.' },
} as const

export type RuleKind = keyof typeof ruleKinds

export function isRuleKind(value: unknown): value is RuleKind {
  return typeof value === 'string' && Object.hasOwn(ruleKinds, value)
}

export function kindLabel(type: string): string {
  return isRuleKind(type) ? ruleKinds[type].label : type
}

export const modes = {
  default: 'As in the wider scope',
  off: 'Off',
  monitoring: 'Monitoring',
  safe_blocking: 'Safe blocking',
  block: 'Blocking',
} as const

export type Mode = keyof typeof modes

export function isMode(value: unknown): value is Mode {
  return typeof value === 'string' && Object.hasOwn(modes, value)
}

/** What a rule does, in one line. */
export function ruleSummary(rule: Hint): string {
  const where = pointText(rule.point)
  const attack = attackTypeLabel(rule.attack_type ?? 'any')
  switch (rule.type) {
    case 'vpatch':
      return `${attack} in ${where}`
    case 'disable_attack_type':
      return `${attack} in ${where}`
    case 'regex':
    case 'experimental_regex':
      return `/${visibleText(rule.regex ?? '')}/ in ${where} is ${attack}`
    case 'wallarm_mode':
      return isMode(rule.mode) ? modes[rule.mode] : (rule.mode ?? '')
    default:
      return rule.point ? where : ''
  }
}

/** The rule that carries the general filtration mode cannot be deleted; mirrors `spec/rules.md` 9.6. */
export function isGeneralMode(rule: Pick<Hint, 'type' | 'action'>): boolean {
  return rule.type === 'wallarm_mode' && rule.action.length === 0
}
