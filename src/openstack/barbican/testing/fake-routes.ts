import { isUuid } from '#src/core/names.ts'
import type { FakeBarbican, Stored } from './fake-state.ts'

export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly contentType?: string
}

interface Call {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  readonly json?: unknown
  readonly accept?: string | undefined
  readonly microversion?: string | undefined
  readonly project: string
  readonly creator: boolean
}

const ROOT = 'http://keys.example:9311/v1'
const TITLES: Record<number, string> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 406: 'Not Acceptable' }

export const refusal = (status: number, title: string, description: string): Answer => ({
  status,
  body: { code: status, title, description },
})
const no = (status: number, description: string) => refusal(status, TITLES[status] ?? '', description)
const denied = (what: string) => no(403, `${what} attempt not allowed - please review your user/project privileges`)

/** As Barbican 15 answers, recorded from a real one. */
export function route(server: FakeBarbican, call: Call): Answer {
  if (
    call.microversion !== undefined &&
    server.microversions &&
    !['1.0', '1.1', 'latest'].includes(call.microversion)
  ) {
    return no(406, `Version ${call.microversion} is not supported by the API.`)
  }
  const [collection = '', id, part, ...more] = call.path.split('/')
  if (more.length > 0) return no(404, 'Not Found')
  if (collection === '') return version(server, call)
  if (collection === 'orders') return id === undefined ? newOrder(server, call) : oneOrder(server, call, id)
  if (collection !== 'secrets') return no(404, 'Not Found')
  if (id === undefined) return call.method === 'POST' ? newSecret(server, call) : secretPage(server, call)
  return oneSecret(server, call, id, part)
}

function version(server: FakeBarbican, call: Call): Answer {
  const links = [{ rel: 'self', href: `${ROOT}/` }]
  const plain = !server.microversions || call.microversion === undefined
  const known = plain ? { status: 'stable' } : { status: 'CURRENT', min_version: '1.0', max_version: '1.1' }
  return { status: 200, body: { version: { id: 'v1', ...known, links } } }
}

const shown = (id: string, stored: Stored) => ({
  created: '2026-11-22T11:58:02',
  updated: '2026-11-22T11:58:02',
  status: 'ACTIVE',
  name: null,
  secret_type: 'opaque',
  expiration: null,
  algorithm: null,
  bit_length: null,
  mode: null,
  ...stored.facts,
  secret_ref: `${ROOT}/secrets/${id}`,
})

function secretPage(server: FakeBarbican, call: Call): Answer {
  if (!call.creator) return denied('Secret(s) retrieval')
  const all = [...server.secrets].filter(([, stored]) => stored.project === call.project)
  const [limit, offset] = [Number(call.query.limit ?? 10), Number(call.query.offset ?? 0)]
  const page = all.slice(offset, offset + Math.min(limit, server.largestPage))
  return { status: 200, body: { secrets: page.map(([id, stored]) => shown(id, stored)), total: all.length } }
}

function newSecret(server: FakeBarbican, call: Call): Answer {
  if (!call.creator) return denied('Secret creation')
  const { payload, payload_content_type, payload_content_encoding, ...facts } = call.json as Record<string, string>
  if (payload === undefined || payload_content_type === undefined) return no(400, 'no payload, or no content type')
  const binary = payload_content_type === 'application/octet-stream'
  if (binary && payload_content_encoding !== 'base64') return no(400, 'payload_content_encoding must be base64')
  const id = server.nextId()
  const bytes = Buffer.from(payload, binary ? 'base64' : 'utf8')
  const content_types = { default: payload_content_type.split(';')[0] }
  server.secrets.set(id, { project: call.project, payload: bytes, facts: { ...facts, content_types }, consumers: [] })
  return { status: 201, body: { secret_ref: `${ROOT}/secrets/${id}` } }
}

function oneSecret(server: FakeBarbican, call: Call, id: string, part: string | undefined): Answer {
  const stored = server.secrets.get(id)
  if (!isUuid(id)) return no(404, 'Not Found. Provided secret id is invalid.')
  if (!stored) return no(404, 'Secret not found.')
  if (stored.project !== call.project || !call.creator) return denied('Secret retrieval')
  if (part === 'payload') return payload(stored, call.accept ?? '')
  if (part === 'consumers') return consumers(stored, call)
  if (call.method !== 'DELETE') return { status: 200, body: shown(id, stored) }
  server.secrets.delete(id)
  return { status: 204 }
}

function payload(stored: Stored, accept: string): Answer {
  if (!stored.payload) return no(404, 'Not Found. Sorry but your secret has no payload.')
  const type = (stored.facts.content_types as { default: string }).default
  if (accept !== type) return no(406, 'Secret payload retrieval issue seen - Wrong payload content-type.')
  const charset = type === 'text/plain' ? '; charset=UTF-8' : ''
  return { status: 200, body: stored.payload, contentType: `${type}${charset}` }
}

function consumers(stored: Stored, call: Call): Answer {
  if (call.method === 'GET') {
    const [limit, offset] = [Number(call.query.limit ?? 10), Number(call.query.offset ?? 0)]
    const page = stored.consumers.slice(offset, offset + limit)
    return { status: 200, body: { consumers: page, total: stored.consumers.length } }
  }
  const { service, resource_type, resource_id, ...more } = call.json as Record<string, string>
  if (!service || !resource_type || !resource_id || Object.keys(more).length > 0)
    return no(400, 'does not match schema')
  const others = stored.consumers.filter(one => one.resource_id !== resource_id || one.service !== service)
  if (call.method === 'DELETE' && others.length === stored.consumers.length) return no(404, 'Consumer not found.')
  stored.consumers = call.method === 'POST' ? [...others, { service, resource_type, resource_id }] : others
  return { status: 200, body: { status: 'ACTIVE' } }
}

function newOrder(server: FakeBarbican, call: Call): Answer {
  if (!call.creator) return denied('Order creation')
  const { type, meta } = call.json as { type: string; meta: Record<string, unknown> }
  if (type !== 'key' || meta.algorithm !== 'aes' || !Number.isInteger(meta.bit_length)) {
    return no(400, 'Provided field value is not supported')
  }
  const id = server.nextId()
  server.orders.set(id, { meta, looks: 0 })
  return { status: 202, body: { order_ref: `${ROOT}/orders/${id}` } }
}

/** By Barbican's own policy a creator may make and see orders, not delete them. */
function oneOrder(server: FakeBarbican, call: Call, id: string): Answer {
  const order = server.orders.get(id)
  if (!order) return no(404, 'Order not found.')
  if (call.method === 'DELETE') {
    server.orders.delete(id)
    return { status: 204 }
  }
  const pending = order.looks++ < server.orderLooks
  const error = server.orderError ?? unmakeable(order.meta)
  if (!pending && error === undefined) order.secretId ??= keyOf(server, call.project, order.meta)
  const failed = { error_status_code: '500', error_reason: error }
  const ended = error === undefined ? { secret_ref: `${ROOT}/secrets/${order.secretId}` } : failed
  const status = pending ? 'PENDING' : error === undefined ? 'ACTIVE' : 'ERROR'
  return { status: 200, body: { type: 'key', meta: order.meta, status, ...(pending ? {} : ended) } }
}

/** The simple crypto plugin makes keys of these lengths, and for XTS of twice as many bits. */
function unmakeable({ bit_length, mode }: Record<string, unknown>): string | undefined {
  const length = (bit_length as number) / (mode === 'xts' ? 2 : 1)
  if ([64, 128, 192, 256].includes(length)) return undefined
  return 'Process TypeOrder failure seen - please contact site administrator.'
}

function keyOf(server: FakeBarbican, project: string, meta: Record<string, unknown>): string {
  const id = server.nextId()
  const bytes = crypto.getRandomValues(new Uint8Array((meta.bit_length as number) / 8))
  const content_types = { default: 'application/octet-stream' }
  const facts = { ...meta, name: meta.name ?? null, secret_type: 'symmetric', content_types }
  server.secrets.set(id, { project, payload: bytes, facts, consumers: [] })
  return id
}
