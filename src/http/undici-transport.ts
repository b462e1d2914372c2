import { createRequire } from 'node:module'
import type { Agent, Dispatcher } from 'undici'
import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { Exchange } from './exchange.ts'
import { plainUrl } from './redact.ts'
import type { HttpRequest, HttpResponse, HttpTransport } from './transport.ts'

/** PEM. */
export interface TlsSettings {
  /** Trusted instead of Node's own list. */
  readonly ca?: Uint8Array | string | undefined
  readonly certificate?: Uint8Array | string | undefined
  readonly key?: Secret | undefined
  /** No certificate is checked; for tests. */
  readonly insecure?: boolean | undefined
}

/** For one connection to come about, milliseconds; the deadline of the request may be shorter. */
const CONNECT_MS = 10_000

/**
 * HTTP/1.1 over kept-alive connections by undici, which is loaded at the first request. Variables such as `HTTPS_PROXY` are not
 * looked at: a cloud's tokens go to the cloud and nowhere else.
 */
export class UndiciTransport implements HttpTransport {
  readonly #tls: TlsSettings
  #agent: Agent | undefined

  constructor(tls: TlsSettings = {}) {
    this.#tls = tls
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted()
    const { origin, pathname, search } = parse(request.url)
    this.#agent ??= makeAgent(this.#tls)
    const agent = this.#agent
    const exchange = new Exchange(request)
    const options: Dispatcher.DispatchOptions = {
      origin,
      path: pathname + search,
      method: request.method,
      headers: { ...request.headers },
      body: request.body ?? null,
      // The exchange has its own, over everything.
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    try {
      agent.dispatch(options, exchange)
    } catch (error) {
      exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
    }
    return await exchange.response
  }

  async close(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    await agent?.destroy()
  }
}

const require = createRequire(import.meta.url)

function makeAgent({ ca, certificate, key, insecure }: TlsSettings): Agent {
  // All of undici takes twice the time to load: `fetch`, WebSocket, caches, mocks.
  const Agent: typeof import('undici').Agent = require('undici/lib/dispatcher/agent.js')
  return new Agent({
    connections: 64,
    keepAliveTimeout: 4_000,
    // What was sent and what was not is told of HTTP/1.1 alone.
    allowH2: false,
    connect: {
      timeout: CONNECT_MS,
      rejectUnauthorized: insecure !== true,
      ...(ca !== undefined && { ca: textOf(ca) }),
      ...(certificate !== undefined && { cert: textOf(certificate) }),
      ...(key !== undefined && { key: Buffer.from(key.reveal()) }),
    },
  })
}

const textOf = (pem: Uint8Array | string): string | Buffer => (typeof pem === 'string' ? pem : Buffer.from(pem))

function parse(url: string): URL {
  const parsed = URL.parse(url)
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (parsed && isHttp && parsed.username === '' && parsed.password === '') return parsed
  throw new HoldfastError(
    'invalid-input',
    'endpoint-invalid',
    `${JSON.stringify(plainUrl(url).slice(0, 200))} is not the address of a service`,
    { details: { hint: 'it must begin with http:// or https://, and have neither user nor password' } },
  )
}
