import { hasCode } from '#src/core/error.ts'
import { isServiceError } from './service-client.ts'

/** No service is waited for longer than this between two tries, whatever it says. */
const MOST_RETRY_AFTER_MS = 30_000

export interface RepeatRule {
  /** May be done twice. */
  readonly isIdempotent: boolean
  /** Statuses after which what is idempotent is sent again; [502, 503, 504] unless told. */
  readonly retryStatuses?: readonly number[] | undefined
}

/** How long to wait at least before it is sent again, milliseconds; undefined: it must not be. */
export function waitFor(failure: unknown, { isIdempotent, retryStatuses = [502, 503, 504] }: RepeatRule) {
  if (hasCode(failure, 'endpoint-unreachable')) return 0
  if (hasCode(failure, 'reply-lost')) return isIdempotent ? 0 : undefined
  if (!isServiceError(failure)) return undefined
  const { status, retryAfterMs: after } = failure
  const isAsked = (status === 503 || status === 429) && after !== undefined
  const isRepeated = isIdempotent && retryStatuses.includes(status)
  if (!isAsked && !isRepeated) return undefined
  return (after ?? 0) <= MOST_RETRY_AFTER_MS ? (after ?? 0) : undefined
}
