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
  view_credentials: 'have a UUID and secret',
  update_credentials: 'renew the secret key',
  view_settings: 'see the sign-in settings of the company',
  update_settings: 'change the sign-in settings of the company',
  view_sso: 'see single sign-on',
  view_user: 'see the users of the company',
  view_license: 'see the subscription',
  update_sso: 'change single sign-on',
  update_tenant: 'change clients',
} as const satisfies Record<string, string>

export type Permission = keyof typeof actions

/** Why the holder may not do this, or `undefined` when they may. */
export function refusal(holder: Holder | undefined, permission: Permission): string | undefined {
  if (holder === undefined) return 'Loading your permissions'
  return holder.actual_permissions.includes(permission) ? undefined : `Your role cannot ${actions[permission]}`
}

/**
 * Whether there is a Console for somebody: the role for programs that add nodes has only the own account
 * (`spec/accounts.md` 2.6; the routes are `WITHOUT_CONSOLE` of the cloud).
 */
export function usesConsole({ permissions }: { permissions: readonly string[] }): boolean {
  return !(permissions.length === 1 && permissions[0] === 'deploy')
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

/** Roles that groups of an identity provider can give: base ones, and global ones from the technical client on. */
export const groupRoles = ['admin', 'analytic', 'auditor', 'api_developer', 'partner_admin', 'partner_analytic', 'partner_auditor']
  .map((value) => ({ value, label: roleLabel([value]) }))

/** A person's role in words. */
export function roleLabel(permissions: readonly string[]): string {
  const [role] = permissions
  if (role === undefined) return 'No access'
  const known: Record<string, string> = { ...roles, ...otherRoles }
  return known[role] ?? 'Custom permissions'
}
