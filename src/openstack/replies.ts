import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import { hideSecrets } from '#src/http/redact.ts'
import type { HttpResponse } from '#src/http/transport.ts'
import { ServiceError } from './service-client.ts'

/** The server's id of the request; undefined for what is none, as it goes into messages. */
export function requestIdOf({ headers }: Pick<HttpResponse, 'headers'>): string | undefined {
  const id = headers['x-openstack-request-id'] ?? headers['x-compute-request-id']
  return id !== undefined && /^[\w.:-]{1,100}$/.test(id) ? id : undefined
}

const decoder = new TextDecoder()

/**
 * @throws HoldfastError `reply-malformed` with the first words of what came instead. Of JSON that breaks off nothing is shown: it
 * may be what a volume is reached by. `secrets`: what the request had, should it come back.
 */
export function parseJson(
  { body, headers }: Pick<HttpResponse, 'body' | 'headers'>,
  what: string,
  secrets: readonly string[] = [],
): unknown {
  const said = decoder.decode(body)
  try {
    return JSON.parse(said)
  } catch {
    // The parser's own error shows what is around the place.
    const type = headers['content-type']?.slice(0, 100) ?? 'no content type'
    const instead = /^\s*[[{"]/.test(said)
      ? `it breaks off or is wrong within its ${body.length} bytes`
      : glimpse(said, secrets)
    throw new HoldfastError('unavailable', 'reply-malformed', `${what}: the reply is not JSON (${type}): ${instead}`, {
      details: { requestId: requestIdOf({ headers }), hint: 'does a proxy or a load balancer answer in its place?' },
    })
  }
}

/** On one line, without tags, and without what terminals would act on. */
const plain = (said: string): string =>
  said
    .replace(/<(script|style)\b.*?<\/\1\s*>/gis, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()

/** The first words. */
function glimpse(said: string, secrets: readonly string[]): string {
  if (said.trim() === '') return 'it is empty'
  const shown = hideSecrets(said, secrets)
  const words = plain(shown) || shown.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return JSON.stringify(words.length > 120 ? `${words.slice(0, 120)}…` : words)
}

/** A failed service's own words: of its JSON, whatever form it has, else the first words of what it sent. */
export function reasonOf(
  { status, body }: Pick<HttpResponse, 'status' | 'body'>,
  secrets: readonly string[] = [],
): string {
  const said = decoder.decode(body)
  const words = wordsIn(said)
  if (words !== undefined) return hideSecrets(words, secrets).slice(0, 500)
  return said.trim() === '' ? `HTTP status ${status}` : glimpse(said, secrets)
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

/** Cinder and Keystone say `message`, Barbican `description`, or no more than `title`. */
function wordsOf(holder: unknown): string | undefined {
  if (typeof holder !== 'object' || holder === null) return undefined
  const { message, description, title, details } = holder as Record<string, unknown>
  const main = [message, description, title].find(each => typeof each === 'string' && each !== '')
  if (typeof main !== 'string') return undefined
  return plain(typeof details === 'string' && details !== '' ? `${main} ${details}` : main)
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
  /** What the request had, should the reply have it too. */
  readonly secrets?: readonly string[] | undefined
}

export function statusError(
  reply: Pick<HttpResponse, 'status' | 'body'>,
  { what, serviceType, requestId, retryAfterMs, hint, secrets }: StatusFacts,
): ServiceError {
  const { status } = reply
  const [kind, code] = KINDS.get(status) ?? (status >= 500 ? SERVER : OTHER)
  const reason = reasonOf(reply, secrets)
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
