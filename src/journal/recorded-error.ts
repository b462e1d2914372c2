import { asHoldfastError } from '#src/core/error.ts'
import type { RecordedError } from './operation.ts'

/** What is kept of a failure in the journal. */
export function recordError(error: unknown): RecordedError {
  const { kind, code, message, details } = asHoldfastError(error)
  return { kind, code, message, left: details.left, hint: details.hint }
}
