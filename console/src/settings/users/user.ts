/** What a user's fields mean here, and what can be done to whom. Mirrors `services/users` and `services/sso/switching.rs` of the cloud. */
import type { User } from '../../api/types'

export const userStates = { active: 'Active', invited: 'Invited', inactive: 'Inactive' } as const

export type UserState = keyof typeof userStates

export function isUserState(value: unknown): value is UserState {
  return typeof value === 'string' && Object.hasOwn(userStates, value)
}

export type Known = Pick<
  User,
  'id' | 'enabled' | 'validated' | 'permissions' | 'actual_permissions' | 'available_authentications' | 'sso_managed' | 'mfa_enabled'
>

/** A user without a password is invited: the link of the letter is still waiting. */
export function stateOf(user: Known): UserState {
  if (!user.enabled) return 'inactive'
  return user.validated ? 'active' : 'invited'
}

/** Whether an identity provider signs the user in. */
export const bySso = (user: Known) => !user.available_authentications.includes('default')

/** Whether a user of a provider may have API tokens. */
export const hasApiAccess = (user: Known) => user.available_authentications.includes('api')

const methods: Record<string, string> = { default: 'Password', saml: 'SAML', oidc: 'OpenID Connect', ldap: 'LDAP' }

/** How somebody signs in, in words: "SAML, with API". */
export function methodLabel(user: Known): string {
  const ways = user.available_authentications.filter((way) => way !== 'api').map((way) => methods[way] ?? way)
  return `${ways.join(', ')}${hasApiAccess(user) ? ', with API' : ''}`
}

/** What the second factor is, in words. */
export function factorLabel(user: Known): string {
  if (bySso(user)) return 'At the provider'
  return user.mfa_enabled ? 'On' : 'Off'
}

/** Single sign-on of the company, as far as it decides about users. */
export interface SsoRules {
  state: string
  strict: boolean
  provisioning: boolean
  fallback_user_id?: number | null
}

/** Why access of a user cannot be changed here, or `undefined`. */
export function accessRefusal(user: Known, selfId: number | undefined): string | undefined {
  if (user.id === selfId) return 'You cannot change your own access'
  return user.sso_managed ? 'Managed by the identity provider' : undefined
}

/** Why a user cannot be switched to single sign-on or back, or `undefined`. */
export function ssoSwitchRefusal(user: Known, sso: SsoRules | undefined): string | undefined {
  if (sso === undefined || sso.state !== 'active') return 'Single sign-on is not active'
  if (sso.provisioning) return 'The identity provider decides who uses it'
  if (sso.fallback_user_id === user.id) return 'The fallback account keeps its password'
  return sso.strict && bySso(user) ? 'Everybody must use single sign-on' : undefined
}

/** Why a user cannot be given API tokens, or have them ended, or `undefined`. */
export function apiAccessRefusal(user: Known, sso: SsoRules | undefined): string | undefined {
  if (!bySso(user)) return 'Who signs in by password has it anyway'
  if (hasApiAccess(user)) return undefined
  if (sso === undefined || !(sso.provisioning || sso.strict)) return 'Only where everybody must use single sign-on'
  return user.actual_permissions.includes('update_sso') ? undefined : 'Only for administrators'
}

/** Why the second factor of a user cannot be turned off, or `undefined`. */
export function factorResetRefusal(user: Known, selfId: number | undefined): string | undefined {
  if (bySso(user)) return 'The identity provider has the second factor'
  if (!user.mfa_enabled) return 'There is no second factor'
  return user.id === selfId ? 'Turn your own off in My sign-in' : undefined
}

/**
 * Somebody whom single sign-on for everybody would switch although the rights go beyond those of who turns it on, which
 * the cloud refuses: who decides how a user signs in could be that user.
 */
export function beyondReach<Person extends Known>(people: readonly Person[], own: Pick<Known, 'actual_permissions'>, fallbackId: number | null): Person | undefined {
  const held = new Set(own.actual_permissions)
  return people.find((person) => person.id !== fallbackId && !bySso(person) && !person.actual_permissions.every((permission) => held.has(permission)))
}
