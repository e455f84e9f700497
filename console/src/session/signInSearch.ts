import { safeReturnPath } from './returnPath'

export interface SignInSearch {
  /** Where to go afterwards; a path of this site. */
  redirect?: string | undefined
  expired?: boolean | undefined
  /** Code of a refused single sign-on (`spec/accounts.md` 6.5). */
  error?: string | undefined
  /** Whom a refusal is about, where the code alone does not tell. */
  about?: 'user' | 'client' | undefined
}

export function readSignInSearch(search: Record<string, unknown>): SignInSearch {
  const { redirect, expired, error, about } = search
  return {
    redirect: safeReturnPath(redirect),
    expired: expired === true ? true : undefined,
    error: typeof error === 'string' ? error : undefined,
    about: about === 'user' || about === 'client' ? about : undefined,
  }
}

/** What `/login` is told by the cloud, as the sign-in page takes it: the number itself says nothing to a person. */
export function readRefusal(search: Record<string, unknown>): SignInSearch {
  const { error, userid, clientid } = search
  if (typeof error !== 'string') return {}
  const about = userid !== undefined ? 'user' : clientid !== undefined ? 'client' : undefined
  return about === undefined ? { error } : { error, about }
}

/** What the codes of refused single sign-on mean (`spec/accounts.md` 6.5). */
const refusals: Record<string, string> = {
  client_not_found: 'Single sign-on leads to a company that does not exist here.',
  invalid_saml_response: 'The answer of your identity provider was not accepted. Try again; if it stays so, ask your administrator.',
  no_mail_in_saml_response: 'Your identity provider did not tell your e-mail address.',
  oidc_error: 'Your identity provider and Bartizan did not understand each other. Ask your administrator.',
  saml_logout_refused: 'The message of sign-out of your identity provider was not accepted: you may still be signed in, here and there. Open the Console and sign out, or close the browser.',
  role_not_mapped: 'None of your groups has a role in Bartizan. Ask your administrator.',
  user_disabled: 'Your account is disabled.',
  user_not_found: 'There is no account for you here.',
}

/** Why single sign-on let somebody not in, in words. */
export function refusalText({ error, about }: Pick<SignInSearch, 'error' | 'about'>): string | undefined {
  if (error === undefined) return undefined
  if (error !== 'saml_auth_not_found') return Object.hasOwn(refusals, error) ? refusals[error] : 'Single sign-on did not work.'
  if (about === 'user') return 'Single sign-on is not switched on for your account. Sign in by password, or ask your administrator.'
  if (about === 'client') return 'Your company has no single sign-on here. Sign in by password, or ask your administrator.'
  return 'Single sign-on is not switched on for you or your company. Sign in by password, or ask your administrator.'
}
