import { ErrorCode, type ErrorCodeName, errorDomains } from './error-codes.ts'
import type { RemoteError } from './types.ts'

const codeNames: ReadonlyMap<number, string> = new Map(Object.entries(ErrorCode).map(([name, code]) => [code, name]))

/** libvirt's own answer that a call failed. The message is libvirt's, with the procedure in front. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError'
  /** `virErrorNumber`, see `ErrorCode`. */
  readonly code: number
  /** Its name without `VIR_ERR_` (`NO_DOMAIN`); undefined for one newer than this client. */
  readonly codeName: string | undefined
  /** `virErrorDomain`: the part of libvirt that it comes from. */
  readonly domain: number
  /** Its name without `VIR_FROM_` (`QEMU`). */
  readonly domainName: string | undefined
  /** 1 warning, 2 error. */
  readonly level: number
  /** The procedure that failed, as in the table `procedures`. */
  readonly procedure: string
  /** libvirt's text alone. */
  readonly text: string

  constructor(procedure: string, error: RemoteError) {
    const codeName = codeNames.get(error.code)
    const text = error.message ?? 'no message'
    super(`libvirt ${procedure}: ${text} (${codeName ?? 'error'} ${error.code})`)
    this.code = error.code
    this.codeName = codeName
    this.domain = error.domain
    this.domainName = errorDomains[error.domain]
    this.level = error.level
    this.procedure = procedure
    this.text = text
  }
}

/**
 * Why the connection could not carry a call:
 * `unreachable` no connection could be made; `refused` libvirt did not let us in; `lost` it ended while the call waited;
 * `dead` no answer to keep-alive; `malformed` the peer sent what the protocol does not allow; `timeout` the call's
 * deadline struck; `closed` we closed it.
 */
export type ConnectionErrorReason = 'unreachable' | 'refused' | 'lost' | 'dead' | 'malformed' | 'timeout' | 'closed'

/** A call that got no answer. */
export class LibvirtConnectionError extends Error {
  override readonly name = 'LibvirtConnectionError'
  readonly reason: ConnectionErrorReason
  /** False: the call never left, so libvirt has not carried it out. True: it may have. */
  readonly sent: boolean

  constructor(reason: ConnectionErrorReason, message: string, options: { sent?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.sent = options.sent ?? false
  }

  /** The same end of the connection, told to one call. */
  forCall(procedure: string, sent: boolean): LibvirtConnectionError {
    return new LibvirtConnectionError(this.reason, `libvirt ${procedure}: ${this.message}`, { sent, cause: this })
  }
}

export const isLibvirtError = (error: unknown): error is LibvirtError => error instanceof LibvirtError

/**
 * True if libvirt answered with one of these codes: `isLibvirtCode(error, 'NO_DOMAIN')`. Where it is false the error may
 * still be a LibvirtError.
 */
export const isLibvirtCode = <N extends ErrorCodeName>(
  error: unknown,
  ...names: readonly N[]
): error is LibvirtError & { readonly codeName: N } =>
  isLibvirtError(error) && names.some(name => ErrorCode[name] === error.code)

/** True if the call got no answer, for one of these reasons if any are given. */
export const isConnectionError = <R extends ConnectionErrorReason = ConnectionErrorReason>(
  error: unknown,
  ...reasons: readonly R[]
): error is LibvirtConnectionError & { readonly reason: R } =>
  error instanceof LibvirtConnectionError && (reasons.length === 0 || reasons.some(reason => reason === error.reason))
