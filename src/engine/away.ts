import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import type { TaskState } from '#src/store/records.ts'

/** A part outside this host that did not answer, by the code of its failure, and what an instance then waits for. */
const WAITS: Readonly<Record<'key-manager-unavailable' | 'volume-service-unavailable', TaskState>> = {
  'key-manager-unavailable': 'waiting-for-key',
  'volume-service-unavailable': 'waiting-for-volume-service',
}

export type AwayCode = keyof typeof WAITS

export const isAway = (error: unknown): error is HoldfastError =>
  isHoldfastError(error) && (error.kind === 'unavailable' || error.kind === 'timeout')

/**
 * No answer and an answer too late are one thing to who waits for it: thrown again under this one code, unless the caller
 * itself gave up. Any other failure as it is.
 */
export function throwAway(code: AwayCode, cause: unknown, signal: AbortSignal | undefined): never {
  if (!isAway(cause) || cause.code === code || signal?.aborted) throw cause
  throw new HoldfastError('unavailable', code, cause.message, { cause, details: cause.details })
}

/** What the instance waits for if its way up failed with this; undefined: waiting would not help. */
export function waitsFor(error: HoldfastError): TaskState | undefined {
  return error.code in WAITS ? WAITS[error.code as AwayCode] : undefined
}
