/** The sign-in settings of a company as a form, and what of it is sent. Limits as in `spec/accounts.md` 3.6 and 7.2. */
import { ApiError } from '../../api/errors'
import type { components } from '../../api/schema'
import { networkProblem, splitEntries } from '../../domain/addresses'
import { durationProblem, durationText, parseDuration } from '../../domain/duration'

export type Settings = components['schemas']['SettingsView']
export type SettingsChange = components['schemas']['SettingsUpdate']
export type NetworkScope = Settings['allowed_networks_scope']

/** What is typed. Numbers are texts while they are, and empty rotation is none. */
export interface SettingsForm {
  idle_timeout: string
  absolute_timeout: string
  mfa_enforced: boolean
  min_length: string
  require_special: boolean
  rotation_days: string
  history: string
  allowed_networks: string
  allowed_networks_scope: NetworkScope
  audit_retention_days: string
}

export type Problems = Partial<Record<keyof SettingsForm, string>>

export const IDLE_SECONDS = [900, 604_800] as const
export const ABSOLUTE_SECONDS = [3_600, 2_592_000] as const
export const MOST_NETWORKS = 100

/** Whole numbers with their limits. */
export const NUMBERS = {
  min_length: [8, 64],
  rotation_days: [1, 365],
  history: [0, 24],
  audit_retention_days: [90, 3650],
} as const satisfies Partial<Record<keyof SettingsForm, readonly [number, number]>>

export function formOf(settings: Settings): SettingsForm {
  const policy = settings.password_policy
  return {
    idle_timeout: durationText(settings.idle_timeout),
    absolute_timeout: durationText(settings.absolute_timeout),
    mfa_enforced: settings.mfa_enforced,
    min_length: String(policy.min_length),
    require_special: policy.require_special,
    rotation_days: policy.rotation_days === null || policy.rotation_days === undefined ? '' : String(policy.rotation_days),
    history: String(policy.history),
    allowed_networks: settings.allowed_networks.join('\n'),
    allowed_networks_scope: settings.allowed_networks_scope,
    audit_retention_days: String(settings.audit_retention_days),
  }
}

function numberProblem(text: string, [least, most]: readonly [number, number]): string | undefined {
  const fits = /^\d{1,6}$/.test(text.trim()) && Number(text) >= least && Number(text) <= most
  return fits ? undefined : `A whole number from ${least} to ${most}`
}

function networksProblem(text: string): string | undefined {
  const networks = splitEntries(text)
  if (networks.length > MOST_NETWORKS) return `At most ${MOST_NETWORKS} networks; these are ${networks.length}`
  return networks.map(networkProblem).find((problem) => problem !== undefined)
}

/** What is wrong with what was typed, by field. */
export function problemsOf(form: SettingsForm): Problems {
  const [idle, absolute] = [parseDuration(form.idle_timeout), parseDuration(form.absolute_timeout)]
  const idleProblem = durationProblem(form.idle_timeout, ...IDLE_SECONDS)
  const shorter = idleProblem === undefined && idle !== undefined && absolute !== undefined && absolute < idle
  const found: Record<string, string | undefined> = {
    idle_timeout: idleProblem,
    absolute_timeout: durationProblem(form.absolute_timeout, ...ABSOLUTE_SECONDS)
      ?? (shorter ? 'Not shorter than the time without activity' : undefined),
    allowed_networks: networksProblem(form.allowed_networks),
  }
  for (const [name, limits] of Object.entries(NUMBERS)) {
    const text = form[name as keyof typeof NUMBERS]
    found[name] = name === 'rotation_days' && text.trim() === '' ? undefined : numberProblem(text, limits)
  }
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== undefined))
}

/** What differs from the stored settings; the rest is not sent, so that changes of others stay. */
export function changedSettings(form: SettingsForm, stored: Settings): SettingsChange {
  const before = formOf(stored)
  const differs = (name: keyof SettingsForm) => form[name] !== before[name]
  const change: SettingsChange = {}
  if (differs('idle_timeout')) change.idle_timeout = parseDuration(form.idle_timeout) ?? null
  if (differs('absolute_timeout')) change.absolute_timeout = parseDuration(form.absolute_timeout) ?? null
  if (differs('mfa_enforced')) change.mfa_enforced = form.mfa_enforced
  if (differs('allowed_networks')) change.allowed_networks = splitEntries(form.allowed_networks)
  if (differs('allowed_networks_scope')) change.allowed_networks_scope = form.allowed_networks_scope
  if (differs('audit_retention_days')) change.audit_retention_days = Number(form.audit_retention_days)
  const policy: NonNullable<SettingsChange['password_policy']> = {}
  if (differs('min_length')) policy.min_length = Number(form.min_length)
  if (differs('require_special')) policy.require_special = form.require_special
  if (differs('rotation_days')) policy.rotation_days = form.rotation_days.trim() === '' ? null : Number(form.rotation_days)
  if (differs('history')) policy.history = Number(form.history)
  return Object.keys(policy).length > 0 ? { ...change, password_policy: policy } : change
}

/** The server's refusal at the field that it names, e.g. `password_policy.history must be 0 to 24`. */
export function refusedField(error: unknown): Problems {
  if (!(error instanceof ApiError)) return {}
  const name = /^(?:password_policy\.)?([a-z_]+)\b/.exec(error.message)?.[1] ?? ''
  return isField(name) ? { [name]: error.message } : {}
}

const fields: Record<keyof SettingsForm, true> = {
  idle_timeout: true, absolute_timeout: true, mfa_enforced: true, min_length: true, require_special: true, rotation_days: true,
  history: true, allowed_networks: true, allowed_networks_scope: true, audit_retention_days: true,
}

function isField(name: string): name is keyof SettingsForm {
  return Object.hasOwn(fields, name)
}
