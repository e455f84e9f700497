/**
 * What the signed-in person may do, from the `actual_permissions` the server expanded.
 *
 * The server decides; this only keeps the page from offering what would be refused. Mirrors the
 * matrix of `spec/accounts.md` 3.4.
 */
export interface Holder {
  actual_permissions: readonly string[]
}

const actions = {
  create_node: 'add nodes',
  delete_node: 'delete nodes',
  update_attack: 'mark attacks',
  update_vuln: 'change vulnerabilities',
  create_rule: 'create rules',
  delete_rule: 'delete rules',
  create_allowlist: 'add to the allowlist',
  create_denylist: 'add to the denylist',
  create_graylist: 'add to the graylist',
  delete_allowlist: 'remove from the allowlist',
  delete_denylist: 'remove from the denylist',
  delete_graylist: 'remove from the graylist',
  create_api_token: 'create API tokens',
  update_api_token: 'change API tokens',
  delete_api_token: 'delete API tokens',
  create_user: 'add users',
  update_user: 'change users',
  delete_user: 'delete users',
  create_application: 'add applications',
  update_application: 'rename applications',
  delete_application: 'delete applications',
  update_credentials: 'renew the secret key',
  update_sso: 'change single sign-on',
  update_tenant: 'change clients',
} as const satisfies Record<string, string>

export type Permission = keyof typeof actions

/** Why the holder may not do this, or `undefined` when they may. */
export function refusal(holder: Holder | undefined, permission: Permission): string | undefined {
  if (holder === undefined) return 'Loading your permissions'
  return holder.actual_permissions.includes(permission) ? undefined : `Your role cannot ${actions[permission]}`
}

/** Roles a person can be given here, with the words used for them. */
export const roles = {
  admin: 'Administrator',
  analytic: 'Analyst',
  auditor: 'Read only',
  api_developer: 'API developer',
  deploy: 'Deploy',
} as const satisfies Record<string, string>

const otherRoles: Record<string, string> = {
  admin_ext: 'Administrator (extended)',
  partner_admin: 'Global administrator',
  partner_analytic: 'Global analyst',
  partner_auditor: 'Global read only',
}

/** A person's role in words. */
export function roleLabel(permissions: readonly string[]): string {
  const [role] = permissions
  if (role === undefined) return 'No access'
  const known: Record<string, string> = { ...roles, ...otherRoles }
  return known[role] ?? 'Custom permissions'
}
