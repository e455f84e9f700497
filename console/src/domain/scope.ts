/**
 * Scopes: which requests a rule is for.
 *
 * On the wire a scope is a list of conditions; people write and read it as an address such as
 * `shop.test/api/v1/users`. Both directions follow `spec/rules.md` 2.5 and 2.6: directory segments,
 * then the last one split at its first dot, with "absent" conditions as limits of depth.
 */
import { visibleText } from './visibleText'

export interface ScopeCondition {
  type: string
  /** A flat point: words, and numbers for indexes. */
  point: unknown[]
  value?: string | null
}

/** What a condition list says, in the words of an address. */
export interface ScopeView {
  path: string
  domain: string | null
  application: string | null
  method: string | null
  /** Conditions that have no place in an address: headers, query, scheme, protocol. */
  rest: string[]
}

const operators: Record<string, string> = { equal: '=', iequal: '=', regex: '~', absent: 'is absent' }

function isPoint(condition: ScopeCondition, name: string, key?: string | number): boolean {
  return condition.point[0] === name && (key === undefined || condition.point[1] === key)
}

function valueText({ type, value }: ScopeCondition): string {
  return visibleText(type === 'regex' ? `{{${value ?? ''}}}` : (value ?? ''))
}

function renderPath(conditions: readonly ScopeCondition[]): string {
  const uri = conditions.find((c) => isPoint(c, 'uri'))
  if (uri) return valueText(uri)
  const name = conditions.find((c) => isPoint(c, 'action_name'))
  const ext = conditions.find((c) => isPoint(c, 'action_ext'))
  const paths = conditions.filter((c) => isPoint(c, 'path'))
  if (!name && !ext && paths.length === 0) return '/**/*.*'

  const limits = paths.filter((c) => c.type === 'absent').map((c) => Number(c.point[1]))
  const limit = limits.length > 0 ? Math.min(...limits) : null
  const segments = new Map<number, string>()
  for (const c of paths) if (c.type !== 'absent') segments.set(Number(c.point[1]), valueText(c))
  if (name?.type === 'equal' && name.value === '' && ext?.type === 'absent' && limit === 0) return '/'

  const depth = limit ?? Math.max(-1, ...segments.keys()) + 1
  const parts = Array.from({ length: depth }, (_, index) => segments.get(index) ?? '*')
  if (limit === null) parts.push('**')
  const stem = name ? valueText(name) : '*'
  const suffix = ext === undefined ? '.*' : ext.type === 'absent' ? '' : `.${valueText(ext)}`
  return `/${[...parts, stem + suffix].join('/')}`
}

/** Reads conditions back into the words of an address. */
export function scopeView(conditions: readonly ScopeCondition[]): ScopeView {
  const single = (name: string, key?: string) => conditions.find((c) => isPoint(c, name, key))
  const host = single('header', 'HOST')
  const application = single('instance')
  const method = single('method')
  const shown = new Set(['path', 'action_name', 'action_ext', 'uri', 'instance', 'method'])
  const rest = conditions
    .filter((c) => c !== host && !shown.has(String(c.point[0])))
    .map((c) => visibleText(`${c.point.join(' ')} ${operators[c.type] ?? c.type} ${c.value ?? ''}`.trim()))
  return {
    path: renderPath(conditions),
    domain: host ? valueText(host) : null,
    application: application ? valueText(application) : null,
    method: method ? valueText(method) : null,
    rest,
  }
}

/** One line for a table cell: `POST shop.test/api/v1/users`. */
export function scopeText(conditions: readonly ScopeCondition[]): string {
  if (conditions.length === 0) return 'All traffic'
  const view = scopeView(conditions)
  const everywhere = view.path === '/**/*.*'
  const address = everywhere && view.domain !== null ? view.domain : `${view.domain ?? ''}${view.path}`
  return [view.method, address].filter((part) => part !== null).join(' ')
}

function condition(point: (string | number)[], text: string, type = 'equal'): ScopeCondition {
  const pattern = /^\{\{(.*)\}\}$/.exec(text)
  if (pattern) return { type: 'regex', point, value: pattern[1] ?? '' }
  return { type, point, value: text }
}

function absent(point: (string | number)[]): ScopeCondition {
  return { type: 'absent', point, value: null }
}

function lastSegment(segment: string): ScopeCondition[] {
  if (segment === '*.*') return []
  if (segment === '*') return [absent(['action_ext'])]
  const dot = segment.startsWith('{{') ? -1 : segment.indexOf('.')
  const name = dot === -1 ? segment : segment.slice(0, dot)
  const conditions = name === '*' ? [] : [condition(['action_name'], name)]
  if (dot === -1) return [...conditions, absent(['action_ext'])]
  const ext = segment.slice(dot + 1)
  return ext === '*' ? conditions : [...conditions, condition(['action_ext'], ext)]
}

/** The conditions of a path with `*` and `**` wildcards; an empty path is every path. */
export function pathConditions(address: string): ScopeCondition[] {
  const [path = '', query = ''] = address.split('?', 2)
  const queryConditions = [...new URLSearchParams(query)].map(([key, value]) => condition(['get', key], value))
  if (path === '' || path === '/**/*.*') return queryConditions
  const segments = path.replace(/^\//, '').split('/')
  const last = segments.pop() ?? ''
  const open = segments.includes('**')
  const directories = segments.filter((segment) => segment !== '**')
  const conditions = lastSegment(last)
  directories.forEach((segment, index) => {
    if (segment !== '*') conditions.push(condition(['path', index], segment))
  })
  if (!open) conditions.push(absent(['path', directories.length]))
  return [...conditions, ...queryConditions]
}

/** What a person fills in to say where a rule applies. */
export interface ScopeInput {
  application: string
  domain: string
  path: string
  method: string
}

/** The conditions that a scope form means. */
export function scopeConditions(input: ScopeInput): ScopeCondition[] {
  const conditions: ScopeCondition[] = []
  if (input.application !== '') conditions.push(condition(['instance'], input.application))
  const domain = input.domain.trim().toLowerCase()
  if (domain !== '') conditions.push(condition(['header', 'HOST'], domain, 'iequal'))
  conditions.push(...pathConditions(input.path.trim()))
  if (input.method !== '') conditions.push(condition(['method'], input.method))
  return conditions
}
