/**
 * Points: where in a request something was found or is to be looked for.
 *
 * On the wire a point is a flat chain such as `["post","json_doc","hash","id"]`, where some
 * elements swallow the next item as their key. People read it as "Body › JSON › id".
 */
import { visibleText } from './visibleText'

type Element = string | number

function isElement(item: unknown): item is Element {
  return typeof item === 'string' || typeof item === 'number'
}

const keyed = new Set([
  'header', 'get', 'cookie', 'form_urlencoded', 'multipart', 'hash', 'json', 'json_obj',
  'content_disp', 'response_header', 'jwt', 'xml_tag', 'xml_attr', 'protobuf', 'gql_query',
  'gql_mutation', 'gql_subscription', 'gql_fragment', 'gql_dir', 'gql_spread', 'gql_type',
  'gql_var', 'viewstate_dict', 'viewstate_sparse_array',
])

const indexed = new Set([
  'path', 'array', 'json_array', 'grpc', 'xml_pi', 'xml_dtd_entity', 'xml_tag_array',
  'xml_comment', 'viewstate_array', 'viewstate_pair', 'viewstate_triplet',
])

/** Splits a flat chain into elements, each with its key when it takes one. */
export function pointElements(chain: readonly unknown[]): Element[][] {
  const flat = chain.filter(isElement)
  const elements: Element[][] = []
  for (let at = 0; at < flat.length; at += 1) {
    const name = flat[at]
    if (name === undefined) break
    const key = flat[at + 1]
    if ((keyed.has(String(name)) || indexed.has(String(name))) && key !== undefined) {
      elements.push([name, key])
      at += 1
    } else {
      elements.push([name])
    }
  }
  return elements
}

const plainNames: Record<string, string> = {
  uri: 'URI',
  post: 'Body',
  action_name: 'Endpoint name',
  action_ext: 'Extension',
  json_doc: 'JSON',
  xml: 'XML',
  base64: 'Base64',
  gzip: 'Gzip',
  percent: 'Percent-encoded',
  htmljs: 'HTML/JS-encoded',
  hex: 'Hex',
  file: 'File',
  pollution: 'Repeated values',
  get_all: 'Any query value',
  get_name: 'Query parameter name',
  header_all: 'Any header',
  header_name: 'Header name',
  path_all: 'Any path segment',
  hash_all: 'Any value',
  hash_name: 'Key name',
  array_all: 'Any item',
  cookie_all: 'Any cookie',
  cookie_name: 'Cookie name',
  form_urlencoded_all: 'Any form field',
  form_urlencoded_name: 'Form field name',
  multipart_all: 'Any multipart field',
  multipart_name: 'Multipart field name',
}

function elementText([name, key]: Element[]): string {
  if (key === undefined) return plainNames[String(name)] ?? String(name)
  switch (name) {
    case 'get':
      return `Query ${key}`
    case 'header':
      return `Header ${key}`
    case 'cookie':
      return `Cookie ${key}`
    case 'path':
      return `Path segment ${Number(key) + 1}`
    case 'form_urlencoded':
      return `Form ${key}`
    case 'multipart':
      return `Multipart ${key}`
    case 'hash':
    case 'json_obj':
    case 'json':
      return String(key)
    case 'array':
    case 'json_array':
      return `[${key}]`
    default:
      return `${String(name)} ${key}`
  }
}

/** A point as a person reads it. */
export function pointText(flat: readonly unknown[] | null | undefined): string {
  if (!flat || flat.length === 0) return 'Whole request'
  return visibleText(pointElements(flat).map(elementText).join(' › '))
}

/** Places offered when a person writes a rule by hand. */
export const pointPresets = [
  { value: 'get', label: 'Query parameter', key: 'Parameter name' },
  { value: 'get_all', label: 'Any query parameter', key: null },
  { value: 'header', label: 'Header', key: 'Header name' },
  { value: 'cookie', label: 'Cookie', key: 'Cookie name' },
  { value: 'form', label: 'Form field', key: 'Field name' },
  { value: 'json', label: 'JSON field', key: 'Field path, such as user.name' },
  { value: 'post', label: 'Whole body', key: null },
  { value: 'uri', label: 'Whole URI', key: null },
] as const satisfies readonly { value: string; label: string; key: string | null }[]

export type PointPreset = (typeof pointPresets)[number]['value']

/** The point that a preset and its key mean, in the two-level form that requests take. */
export function presetPoint(preset: PointPreset, key: string): Element[][] {
  switch (preset) {
    case 'get':
      return [['get', key]]
    case 'get_all':
      return [['get_all']]
    case 'header':
      return [['header', key.toUpperCase()]]
    case 'cookie':
      return [['header', 'COOKIE'], ['cookie', key]]
    case 'form':
      return [['post'], ['form_urlencoded', key]]
    case 'json':
      return [['post'], ['json_doc'], ...key.split('.').map(jsonStep)]
    case 'post':
      return [['post']]
    case 'uri':
      return [['uri']]
  }
}

function jsonStep(step: string): Element[] {
  return /^\d+$/.test(step) ? ['array', Number(step)] : ['hash', step]
}
