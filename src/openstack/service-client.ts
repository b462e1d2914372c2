import { type ErrorDetails, type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { HttpMethod } from '#src/http/transport.ts'

export interface ServiceRequest {
  readonly method: HttpMethod
  /** Below the endpoint, without a leading slash, its parts encoded: `volumes/6a1c…/action`. */
  readonly path: string
  /** Values that are undefined are left out; keys go out sorted. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
  /** Sent as JSON. */
  readonly json?: unknown
  /** `application/json` unless told. */
  readonly accept?: string | undefined
  /** `3.44`: sent as `OpenStack-API-Version: <service> 3.44`. Checked by the caller against `version()`. */
  readonly microversion?: string | undefined
  /** For one try; 60 s unless told. */
  readonly deadlineMs?: number | undefined
  /**
   * May be sent again when its outcome is not known. GET, HEAD, PUT and DELETE are unless told otherwise; POST is not. What is
   * not idempotent is still sent again when surely nothing was sent, and after a 401 (renewed token) and a 503 with
   * `Retry-After`.
   */
  readonly idempotent?: boolean | undefined
  /** Statuses after which what is idempotent is sent again, with jittered back-off; [502, 503, 504] unless told. */
  readonly retryStatuses?: readonly number[] | undefined
  /** Statuses that are an answer; all 2xx unless told. */
  readonly okStatuses?: readonly number[] | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ServiceReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
  /** The server's id of the request, for its logs. */
  readonly requestId?: string | undefined
  /** @throws HoldfastError `reply-malformed` (unavailable) with the first words of what came instead (HTML of a proxy …) */
  json(): unknown
}

/** Of an API root, `3.0` to `3.71`; both empty where the service has no microversions. */
export interface ServiceVersion {
  /** `v3.0` */
  readonly id: string
  readonly minimum: string
  readonly maximum: string
}

/** One service of the catalog, spoken to with this cloud's credentials. */
export interface ServiceClient {
  /** Official type: `block-storage`, `key-manager`. */
  readonly serviceType: string
  /** @throws ServiceError, and the errors of the transport and of the login */
  send(request: ServiceRequest): Promise<ServiceReply>
  /** Where its requests go: from the catalog, or as configured. */
  endpoint(signal?: AbortSignal): Promise<string>
  /** What versions the service has, from its root; kept for this endpoint for some minutes. */
  version(signal?: AbortSignal): Promise<ServiceVersion>
}

/** A service's answer that is a failure. */
export class ServiceError extends HoldfastError {
  readonly status: number
  /** In the server's own words. */
  readonly reason: string
  /** `Retry-After`, milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    facts: {
      readonly status: number
      readonly reason: string
      readonly retryAfterMs?: number | undefined
      readonly details?: ErrorDetails
      readonly cause?: unknown
    },
  ) {
    super(kind, code, message, { details: facts.details ?? {}, cause: facts.cause })
    this.status = facts.status
    this.reason = facts.reason
    this.retryAfterMs = facts.retryAfterMs
  }
}

export const isServiceError = (error: unknown): error is ServiceError => error instanceof ServiceError
