import { formatMs } from '#src/core/deadline.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { HttpRequest } from './transport.ts'

/** How a request is told: without its query, where a filter may have anything. */
export const toldRequest = ({ method, url }: Pick<HttpRequest, 'method' | 'url'>): string =>
  `${method} ${url.replace(/[?#].*$/s, '')}`

const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host name',
  EAI_AGAIN: 'its host name could not be looked up',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the reply ended before its length',
}

/** What an exchange failed with, by whether anything was sent. */
export function failureOf(request: HttpRequest, error: Error, sent: boolean): HoldfastError {
  const code = codeOf(error)
  if (TLS.test(code)) {
    return new HoldfastError(
      'unavailable',
      'tls-untrusted',
      `${toldRequest(request)}: the certificate is not trusted: ${error.message} (${code})`,
      {
        cause: error,
        details: { command: toldRequest(request), hint: "give the authority's certificate (cacert, cloud.ca_file)" },
      },
    )
  }
  const why =
    CAUSES[code] ?? (/terminated|other side closed/.test(error.message) ? 'the connection was cut' : error.message)
  return sent ? lost(request, why, error) : unreachable(request, why, error)
}

const codeOf = (error: Error): string => {
  const own = 'code' in error ? String(error.code) : ''
  if (own !== '' && own !== 'UND_ERR_SOCKET') return own
  return error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : own
}

const unreachable = (request: HttpRequest, why: string, cause: unknown) =>
  new HoldfastError('unavailable', 'endpoint-unreachable', `${toldRequest(request)}: ${why}`, {
    cause,
    details: {
      command: toldRequest(request),
      left: 'nothing was sent',
      hint: 'is the address right, and the service up?',
    },
  })

const lost = (request: HttpRequest, why: string, cause: unknown) =>
  new HoldfastError('unavailable', 'reply-lost', `${toldRequest(request)}: no whole reply came: ${why}`, {
    cause,
    details: { command: toldRequest(request), left: 'the server may have done what was asked' },
  })

/** The deadline struck. */
export function late(request: HttpRequest, sent: boolean): HoldfastError {
  const why = `within ${formatMs(request.deadlineMs)}`
  if (!sent) return unreachable(request, `no connection came about ${why}`, undefined)
  return new HoldfastError('timeout', 'reply-lost', `${toldRequest(request)}: no whole reply came ${why}`, {
    details: { command: toldRequest(request), left: 'the server may have done what was asked' },
  })
}

export const tooLarge = (request: HttpRequest, bytes: number) =>
  new HoldfastError(
    'unavailable',
    'reply-too-large',
    `${toldRequest(request)}: the reply has more than ${bytes} bytes`,
    {
      details: { command: toldRequest(request) },
    },
  )
