/** What a key of ours for SAML does at a moment: each is first announced, then signs, and in the end only decrypts. */

export interface SamlKey {
  /** From when it signs, UNIX seconds. */
  signs_from: number
  /** Until when it decrypts, UNIX seconds; `null` while none follows it. */
  decrypts_until?: number | null | undefined
}

export type SamlKeyState = 'announced' | 'in use' | 'ending' | 'ended'

/** The state of a key among all of its client, newest first. */
export function samlKeyState(keys: readonly SamlKey[], key: SamlKey, now: number): SamlKeyState {
  if (key.signs_from > now) return 'announced'
  if (typeof key.decrypts_until === 'number' && key.decrypts_until <= now) return 'ended'
  return keys.find(({ signs_from }) => signs_from <= now) === key ? 'in use' : 'ending'
}
