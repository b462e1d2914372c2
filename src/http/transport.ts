export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface HttpRequest {
  readonly method: HttpMethod
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  /** Names as they go over the wire; those that carry secrets are hidden wherever a request is told. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | undefined
  /** For the whole exchange: connection, request, reply and its body. Milliseconds. */
  readonly deadlineMs: number
  /** Refused beyond, `reply-too-large`; 64 MiB unless told. */
  readonly maxBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface HttpResponse {
  readonly status: number
  /** Names in lower case; of a repeated header the values joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * One exchange with a server: never repeated, no redirect followed, any status is an answer. What went wrong is told so that
 * a caller knows whether the server may have acted:
 * `endpoint-unreachable` (unavailable): nothing was sent (no such name, refused, no connection in time);
 * `tls-untrusted` (unavailable): nothing was sent, the certificate is not trusted or the handshake failed;
 * `reply-lost` (unavailable; kind timeout if the deadline struck): sent, at least in part, and no whole reply came;
 * `reply-too-large` (unavailable): a reply came, larger than was allowed.
 * A caller's own abort is thrown as its reason.
 */
export interface HttpTransport {
  send(request: HttpRequest): Promise<HttpResponse>
  /** Lets go of its connections. */
  close(): Promise<void>
}

/** The server may have done what was asked although no reply came. */
export const OUTCOME_UNKNOWN = 'reply-lost'
