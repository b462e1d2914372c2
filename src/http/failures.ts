import { formatMs } from '#src/core/deadline.ts'
import { HoldfastError } from '#src/core/error.ts'
import { plainUrl } from './redact.ts'
import type { HttpRequest } from './transport.ts'

/** How a request is told: without its query, where a filter may have anything, and without its headers. */
export const toldRequest = ({ method, url }: Pick<HttpRequest, 'method' | 'url'>): string =>
  `${method} ${plainUrl(url)}`

const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/

/** The server did not like our certificate, or the lack of one: in TLS 1.3 it says so only after the request was written. */
const REFUSES_US =
  /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|HANDSHAKE_FAILURE)/

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
  if (TLS.test(code) && (!sent || REFUSES_US.test(code))) return untrusted(request, code, error)
  const why =
    CAUSES[code] ?? (/terminated|other side closed/.test(error.message) ? 'the connection was cut' : error.message)
  return sent ? lost(request, why, plainCause(error, code)) : unreachable(request, why, plainCause(error, code))
}

function untrusted(request: HttpRequest, code: string, error: Error): HoldfastError {
  // Node adds advice for its own command line.
  const said = `${error.message.split(/[;\n]/)[0]} (${code})`
  const [what, hint] = tlsWords(code)
  return new HoldfastError('unavailable', 'tls-untrusted', `${toldRequest(request)}: ${what}: ${said}`, {
    cause: plainCause(error, code),
    details: { command: toldRequest(request), left: 'nothing was done', hint },
  })
}

function tlsWords(code: string): readonly [what: string, hint: string] {
  if (REFUSES_US.test(code))
    return ['the server refuses our certificate, or that we have none', 'give a client certificate and its key']
  if (code.startsWith('ERR_OSSL_'))
    return ['our own certificate or key cannot be used', 'they must be PEM, and belong together']
  if (/^(ERR_SSL_|EPROTO)/.test(code))
    return ['no TLS came about', 'is the address right: https:// for what speaks TLS, http:// for what does not?']
  return ['the certificate is not trusted', "give the authority's certificate (cacert, cloud.ca_file)"]
}

/** Undici's own errors hold bytes of the reply, which may have secrets. */
const plainCause = (error: Error, code: string): Error =>
  Object.assign(new Error(error.message), code === '' ? {} : { code })

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
