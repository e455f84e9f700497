/** Security events as a node uploads them, where a test must say exactly what there is to find. */
import { expect, type APIRequestContext } from '@playwright/test'
import { createHash } from 'node:crypto'

/** A node that exists as credentials only. */
export interface UploadingNode {
  authorization: string
  uuid: string
}

/** What one hit has besides what all have. */
export interface HitChanges {
  /** Path, by which a test knows the attack again. */
  path: string
  /** Seconds before now. */
  age: number
  attack_type: string
  [field: string]: unknown
}

/** Registers a node in a group of its own. */
export async function registerNode(api: APIRequestContext, hostname: string): Promise<UploadingNode> {
  const group = await api.post('/v2/node', { data: { hostname, type: 'cloud_node' } })
  expect(group.status(), await group.text()).toBe(200)
  const { body: { token } } = (await group.json()) as { body: { token: string } }
  const registered = await api.post('/node/v1/register', {
    headers: { 'X-WallarmApi-Token': token },
    data: { hostname, labels: {}, version: '0.1.0', role: 'proxy' },
  })
  expect(registered.status(), await registered.text()).toBe(200)
  const { uuid, secret } = (await registered.json()) as { uuid: string; secret: string }
  return { authorization: `Node ${uuid}:${secret}`, uuid }
}

/** The id of the request that a hit of this name belongs to. */
export function requestId(name: string): string {
  return createHash('md5').update(name).digest('hex')
}

function hit(name: string, { age, path, ...changes }: HitChanges, uuid: string): Record<string, unknown> {
  return {
    kind: 'hit', event_id: createHash('sha256').update(name).digest('hex').slice(0, 20), request_id: requestId(name),
    ts_ms: Date.now() - age * 1000, node_uuid: uuid, application: -1, ruleset_version: 1,
    point: ['get', 'q'], parameter: 'GET_q_value', value: "1' union select 1--", stamps: [], known_attack: [],
    ip: '203.0.113.7', remote_port: 40000, domain: 'shop.test', path, method: 'GET', proto: 'HTTP/1.1', scheme: 'http',
    api_protocol: 'rest', auth_protocol: ['none'], statuscode: 403, response_time: 12, response_size: 345,
    request_size: 210, block_status: 'blocked', block_reason: '', mode: 'block',
    raw: {
      remote_addr: '203.0.113.7', remote_port: '40000', server_addr: '127.0.0.1', server_port: '80', method: 'GET',
      proto: 'HTTP/1.1', uri: `${path}?q=x`, headers: { HOST: ['shop.test'] }, body: '',
    },
    ...changes,
  }
}

/** Uploads events as one batch; all of them must be taken. */
export async function upload(api: APIRequestContext, node: UploadingNode, events: Record<string, unknown>[], batch: string): Promise<void> {
  const answer = await api.post('/node/v1/events', {
    headers: { Authorization: node.authorization },
    data: { batch_id: batch, seq: 1, events },
  })
  expect(answer.status(), await answer.text()).toBe(200)
  expect(((await answer.json()) as { rejected: unknown[] }).rejected ?? []).toEqual([])
}

/** Uploads hits; each one's name, from which its ids are made, is its key. */
export function uploadHits(api: APIRequestContext, node: UploadingNode, hits: Record<string, HitChanges>): Promise<void> {
  const events = Object.entries(hits).map(([name, changes]) => hit(name, changes, node.uuid))
  return upload(api, node, events, 'hits')
}
