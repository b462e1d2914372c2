/**
 * Every failure that a person or a program may have to act on. The kind decides the exit code (one table,
 * `src/cli/exit-codes.ts`); the code says exactly which failure it was and never changes its meaning.
 */
export type ErrorKind =
  | 'invalid-input'
  | 'not-found'
  | 'conflict'
  | 'wrong-state'
  | 'quota'
  | 'unavailable'
  | 'forbidden'
  | 'unsafe'
  | 'unsupported'
  | 'no-space'
  | 'busy'
  | 'timeout'
  | 'host-command'
  | 'corrupt'
  | 'stuck'
  | 'internal'

/** What was going on when it failed: names and numbers only, never a secret (I6). */
export interface ErrorDetails {
  readonly operation?: string | undefined
  readonly instance?: string | undefined
  readonly volume?: string | undefined
  readonly layer?: 'attachment' | 'connection' | 'encryption' | 'presentation' | undefined
  /** The command line or request that failed. */
  readonly command?: string | undefined
  readonly exitCode?: number | undefined
  readonly requestId?: string | undefined
  /** What the failure left behind, in words. */
  readonly left?: string | undefined
  /** What to do next, in words. */
  readonly hint?: string | undefined
}

export interface ErrorOptions {
  readonly cause?: unknown
  readonly details?: ErrorDetails
  /** Failures of undos or of other parts of the same teardown: kept beside the cause, never instead of it (I9). */
  readonly also?: readonly unknown[]
}

/** The only error type that leaves a room on purpose; anything else is a defect. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly kind: ErrorKind
  readonly code: string
  readonly details: ErrorDetails
  readonly also: readonly unknown[]

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.details = options.details ?? {}
    this.also = options.also ?? []
  }

  /** The same failure with more known about where it happened; what is known already wins. */
  within(details: ErrorDetails): HoldfastError {
    const known = Object.fromEntries(Object.entries(this.details).filter(([, value]) => value !== undefined))
    return new HoldfastError(this.kind, this.code, this.message, {
      cause: this.cause,
      also: this.also,
      details: { ...details, ...known },
    })
  }
}

export const isHoldfastError = (error: unknown): error is HoldfastError => error instanceof HoldfastError

/** True if the error carries this code (`volume-not-found`, `busy` …). */
export const hasCode = (error: unknown, code: string): boolean => isHoldfastError(error) && error.code === code

/** Any thrown value as a HoldfastError: ours as it is, others as `internal` with the value as the cause. */
export function asHoldfastError(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new HoldfastError('internal', 'internal', message, { cause: error })
}

/**
 * Many failures of one teardown as one error: the first is the cause and gives the code, the others stand beside it.
 * Returns undefined for an empty list.
 */
export function collectErrors(errors: readonly unknown[]): HoldfastError | undefined {
  const [first, ...rest] = errors
  if (first === undefined) return undefined
  const main = asHoldfastError(first)
  if (rest.length === 0) return main
  const others = rest.map(error => asHoldfastError(error).message).join('; ')
  return new HoldfastError(main.kind, main.code, `${main.message} (and ${rest.length} more: ${others})`, {
    cause: main,
    details: main.details,
    also: rest,
  })
}
