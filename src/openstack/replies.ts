import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { HttpResponse } from '#src/http/transport.ts'
import { ServiceError } from './service-client.ts'

export const requestIdOf = ({ headers }: Pick<HttpResponse, 'headers'>): string | undefined =>
  headers['x-openstack-request-id'] ?? headers['x-compute-request-id']

const decoder = new TextDecoder()

/** @throws HoldfastError `reply-malformed` with the first words of what came instead */
export function parseJson({ body, headers }: Pick<HttpResponse, 'body' | 'headers'>, what: string): unknown {
  const said = decoder.decode(body)
  try {
    return JSON.parse(said)
  } catch (cause) {
    const type = headers['content-type'] ?? 'no content type'
    throw new HoldfastError(
      'unavailable',
      'reply-malformed',
      `${what}: the reply is not JSON (${type}): ${glimpse(said)}`,
      {
        cause,
        details: { requestId: requestIdOf({ headers }), hint: 'does a proxy or a load balancer answer in its place?' },
      },
    )
  }
}

/** The first words, without tags. */
function glimpse(said: string): string {
  if (said.trim() === '') return 'it is empty'
  const words =
    said
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim() || said.trim()
  return JSON.stringify(words.length > 120 ? `${words.slice(0, 120)}…` : words)
}

/** A failed service's own words: of its JSON, whatever form it has, else the first words of what it sent. */
export function reasonOf({ status, body }: Pick<HttpResponse, 'status' | 'body'>): string {
  const said = decoder.decode(body)
  return (wordsIn(said) ?? (said.trim() === '' ? `HTTP status ${status}` : glimpse(said))).slice(0, 500)
}

function wordsIn(said: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(said)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const [first] = Object.values(value)
  for (const holder of [value, first]) {
    const words = wordsOf(holder)
    if (words !== undefined) return words
  }
  return undefined
}

/** Cinder and Keystone say `message`, Barbican `description`. */
function wordsOf(holder: unknown): string | undefined {
  if (typeof holder !== 'object' || holder === null) return undefined
  const { message, description, details } = holder as Record<string, unknown>
  const main = typeof message === 'string' ? message : description
  if (typeof main !== 'string') return undefined
  const plain = main
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return typeof details === 'string' && details !== '' ? `${plain} ${details}` : plain
}

const KINDS: ReadonlyMap<number, readonly [kind: ErrorKind, code: string]> = new Map([
  [400, ['invalid-input', 'bad-request']],
  [401, ['forbidden', 'unauthorized']],
  [403, ['forbidden', 'forbidden']],
  [404, ['not-found', 'not-found']],
  [406, ['unsupported', 'not-acceptable']],
  [409, ['conflict', 'conflict']],
  [413, ['quota', 'over-quota']],
  [429, ['unavailable', 'too-many-requests']],
  [501, ['unsupported', 'not-implemented']],
])

export interface StatusFacts {
  /** `GET https://…/volumes/…` */
  readonly what: string
  readonly serviceType: string
  readonly requestId: string | undefined
  readonly retryAfterMs?: number | undefined
  readonly hint?: string | undefined
}

export function statusError(
  reply: Pick<HttpResponse, 'status' | 'body'>,
  { what, serviceType, requestId, retryAfterMs, hint }: StatusFacts,
): ServiceError {
  const { status } = reply
  const [kind, code] = KINDS.get(status) ?? (status >= 500 ? SERVER : OTHER)
  const reason = reasonOf(reply)
  const id = requestId === undefined ? '' : ` (request ${requestId})`
  return new ServiceError(kind, code, `${serviceType} answered ${status}: ${reason}${id}`, {
    status,
    reason,
    retryAfterMs,
    details: { command: what, requestId, hint },
  })
}

const SERVER = ['unavailable', 'service-failed'] as const
const OTHER = ['unavailable', 'unexpected-status'] as const
