import { type ErrorKind, HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import type { HttpResponse } from '#src/http/transport.ts'

/** The server's own words: `errors` and `warnings` of its answer. */
export function wordsOf(response: HttpResponse): readonly string[] {
  const { errors, warnings } = fieldsOf(response) ?? {}
  return [...texts(errors), ...texts(warnings)]
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(item => typeof item === 'string').map(item => item.trim()) : []

/** Undefined for what is not Vault's, such as the page of a proxy. */
function fieldsOf(response: HttpResponse): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(response.body).toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/**
 * Nothing there, or its last version deleted: Vault says so without a word. With words (no such mount, other KV version) it is
 * about the path; and what is not from Vault says nothing about its keys.
 */
export function isAbsent(response: HttpResponse): boolean {
  if (response.status !== 404) return false
  const fields = fieldsOf(response) ?? {}
  return ('errors' in fields || 'data' in fields) && wordsOf(response).length === 0
}

type Meaning = readonly [kind: ErrorKind, code: string, hint: string]

const PATH: Meaning = ['invalid-input', 'vault-path-wrong', "compare mount, path and KV version with Vault's mounts"]
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [400, ['invalid-input', 'key-refused', 'see the reason given'] as const],
  [403, ['forbidden', 'key-forbidden', "allow it in the token's policy"] as const],
  [404, PATH],
  [405, PATH],
])
const UNAVAILABLE: Meaning = ['unavailable', 'key-manager-unavailable', 'try again when Vault is unsealed and active']
const REFUSED: Meaning = ['unavailable', 'key-refused', 'see the reason given']

/** What a status means that is no answer, in the words of the port. `what`: what was tried, `give key 6a1c…`. */
export function refused(what: string, response: HttpResponse): HoldfastError {
  const { status } = response
  const outage = status >= 500 || [307, 308, 408, 412, 429].includes(status)
  const [kind, code, hint] = outage ? UNAVAILABLE : (MEANINGS.get(status) ?? REFUSED)
  const said = status === 307 || status === 308 ? 'the active one is elsewhere' : wordsOf(response).join('; ')
  return new HoldfastError(kind, code, `Vault, asked to ${what}, answered ${status}${said === '' ? '' : `: ${said}`}`, {
    details: { hint },
  })
}

const PASSING = ['endpoint-unreachable', 'reply-lost', 'timeout']
const LASTING = ['tls-untrusted', 'reply-too-large']

/** A failure of the transport in the words of the port; any other error as it is. */
export function unreachable(what: string, error: unknown): unknown {
  if (!isHoldfastError(error) || ![...PASSING, ...LASTING].includes(error.code)) return error
  const message = `Vault, asked to ${what}, could not be used: ${error.message}`
  const details = { hint: 'try again when Vault answers', ...error.details }
  return new HoldfastError('unavailable', 'key-manager-unavailable', message, { cause: error, details })
}

/** An outage that may be over in a moment. A sealed Vault waits for its keepers. */
export function mayPass(error: unknown): boolean {
  if (!hasCode(error, 'key-manager-unavailable')) return false
  const { cause, message } = error as HoldfastError
  return isHoldfastError(cause) ? PASSING.includes(cause.code) : !/is sealed|is elsewhere/.test(message)
}

export const malformed = (what: string, why: string): HoldfastError =>
  new HoldfastError('unavailable', 'reply-malformed', `Vault's answer, asked to ${what}, ${why}`, {
    details: { hint: "check what answers at Vault's address" },
  })
