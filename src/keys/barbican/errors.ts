import { type ErrorKind, HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { isServiceError, ServiceError } from '#src/openstack/service-client.ts'

interface Meaning {
  readonly kind: ErrorKind
  readonly code: string
  readonly hint: string
}

const FORBIDDEN: Meaning = {
  kind: 'forbidden',
  code: 'key-forbidden',
  hint: 'use credentials of the project that owns the key, with the role creator',
}
const NOT_FOUND: Meaning = {
  kind: 'not-found',
  code: 'key-not-found',
  hint: 'it was deleted, or it has expired: the key manager tells neither from the other',
}
const ELSEWHERE: Meaning = {
  kind: 'unavailable',
  code: 'key-manager-unavailable',
  hint: 'what answers there is not the key manager: check its endpoint',
}
const UNAVAILABLE: Meaning = {
  kind: 'unavailable',
  code: 'key-manager-unavailable',
  hint: 'try again when the key manager answers',
}
const QUOTA: Meaning = { kind: 'quota', code: 'key-quota', hint: "raise the project's quota at the key manager" }
const REFUSED: Meaning = { kind: 'invalid-input', code: 'key-refused', hint: 'see the reason given' }

/**
 * A secret, order or consumer that is not there, in Barbican's own words. Another 404 (of a proxy, of a wrong path) says nothing
 * about keys.
 */
export const isAbsent = (error: unknown): boolean =>
  isServiceError(error) && error.status === 404 && /\b(secret|order|consumer)\b/i.test(error.reason)

/** Failures of the service in the words of the port; a refusal keeps its status. `what`: what was tried, `read key 6a1c…`. */
export async function inWordsOfPort<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isServiceError(error)) throw refused(what, error)
    if (isHoldfastError(error) && isOutage(error)) throw unreachable(what, error)
    throw error
  }
}

const meaningOf = (error: ServiceError): Meaning => {
  const { status, reason } = error
  if (status === 403 && /^quota reached/i.test(reason)) return QUOTA
  if (status === 401 || status === 403) return FORBIDDEN
  if (status === 404) return isAbsent(error) ? NOT_FOUND : ELSEWHERE
  if (status === 413) return QUOTA
  return status === 408 || status === 429 || status >= 500 ? UNAVAILABLE : REFUSED
}

function refused(what: string, cause: ServiceError): ServiceError {
  const { kind, code, hint } = meaningOf(cause)
  const { status, reason, retryAfterMs } = cause
  const message = `key manager, asked to ${what}, answered ${status}: ${reason}`
  return new ServiceError(kind, code, message, {
    status,
    reason,
    retryAfterMs,
    cause,
    details: { ...cause.details, hint },
  })
}

/** An answer that cannot be read, and an order that failed or is slow, say more as they are. */
const isOutage = (error: HoldfastError): boolean =>
  ['unavailable', 'timeout'].includes(error.kind) && error.code !== 'reply-malformed' && !error.code.startsWith('key-')

const unreachable = (what: string, cause: HoldfastError) =>
  new HoldfastError(
    UNAVAILABLE.kind,
    UNAVAILABLE.code,
    `key manager, asked to ${what}, could not be used: ${cause.message}`,
    { cause, details: { hint: UNAVAILABLE.hint, ...cause.details } },
  )
