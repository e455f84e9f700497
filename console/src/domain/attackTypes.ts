/** What people call the attack and vulnerability types of the catalogue. */

const labels: Record<string, string> = {
  xss: 'Cross-site scripting',
  sqli: 'SQL injection',
  rce: 'Remote code execution',
  xxe: 'XML external entity',
  ptrav: 'Path traversal',
  crlf: 'CRLF injection',
  redir: 'Open redirect',
  nosqli: 'NoSQL injection',
  infoleak: 'Information exposure',
  brute: 'Brute force',
  dirbust: 'Forced browsing',
  ldapi: 'LDAP injection',
  scanner: 'Resource scanning',
  bola: 'Broken object level authorization',
  idor: 'Broken object level authorization',
  mass_assignment: 'Mass assignment',
  apileak: 'API leak',
  ssrf: 'Server-side request forgery',
  blocked_source: 'Blocked source',
  vectors: 'Multiple payloads',
  api_abuse: 'Suspicious API activity',
  credential_stuffing: 'Credential stuffing',
  ssi: 'SSI injection',
  mail_injection: 'Email injection',
  ssti: 'Template injection',
  invalid_xml: 'Invalid XML',
  overlimit_res: 'Resource overlimit',
  data_bomb: 'Data bomb',
  vpatch: 'Virtual patch',
  undefined_endpoint: 'Undefined endpoint',
  undefined_parameter: 'Undefined parameter',
  missing_auth: 'Missing authentication',
  missing_parameter: 'Missing parameter',
  invalid_parameter_value: 'Invalid parameter',
  invalid_request: 'Invalid request',
  processing_overlimit: 'Specification processing overlimit',
  gql_depth: 'GraphQL query depth',
  gql_value_size: 'GraphQL value size',
  gql_aliases: 'GraphQL aliases',
  gql_doc_size: 'GraphQL query size',
  gql_docs_per_batch: 'GraphQL batching',
  gql_introspection: 'GraphQL introspection',
  gql_debug: 'GraphQL debug',
  account_takeover: 'Account takeover',
  security_crawlers: 'Security crawlers',
  scraping: 'Scraping',
  rate_limit: 'Rate limit',
  enum: 'Enumeration',
  file_upload_violation: 'File upload violation',
  resource_consumption: 'Unrestricted resource consumption',
  any: 'Any attack',
  '[multiple]': 'Several types',
}

/** The label of a type, or the type itself when it is newer than this page. */
export function attackTypeLabel(type: string): string {
  return labels[type] ?? type
}

/** Types that detectors on a node produce today; these are offered as filters. */
export const filterableTypes = [
  'sqli', 'xss', 'rce', 'ptrav', 'crlf', 'nosqli', 'ldapi', 'ssti', 'ssi', 'xxe', 'ssrf',
  'redir', 'mail_injection', 'mass_assignment', 'scanner', 'invalid_xml', 'vpatch',
  'blocked_source', 'overlimit_res', 'data_bomb', 'infoleak',
] as const

const core = [
  'xss', 'sqli', 'rce', 'xxe', 'ptrav', 'crlf', 'redir', 'nosqli', 'ldapi', 'scanner',
  'mass_assignment', 'ssrf', 'ssi', 'mail_injection', 'ssti',
]

/** Types a virtual patch or a "disable attack type" rule takes; mirrors `spec/rules.md` 5.1. */
export const pointRuleTypes: readonly string[] = ['any', ...core, 'invalid_xml']

/** Types a regular expression rule takes; mirrors `spec/rules.md` 5.1. */
export const regexRuleTypes: readonly string[] = [...core, 'vpatch']

/** Choices for a select box, in the order given. */
export function typeOptions(types: readonly string[]): { value: string; label: string }[] {
  return types.map((value) => ({ value, label: attackTypeLabel(value) }))
}

/**
 * The attack type a virtual patch for this attack should carry: its own when the rule takes it,
 * otherwise any.
 */
export function patchTypeFor(attackType: string): string {
  return pointRuleTypes.includes(attackType) ? attackType : 'any'
}

/** Types whose marking as false positive makes sense; behavioural ones are not judged by content. */
export function canMarkFalse(type: string): boolean {
  const behavioural = ['brute', 'dirbust', 'bola', 'enum', 'credential_stuffing', 'api_abuse', 'account_takeover', 'security_crawlers', 'scraping', 'resource_consumption', 'blocked_source']
  return !behavioural.includes(type)
}
