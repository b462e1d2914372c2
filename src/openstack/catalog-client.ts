import { HoldfastError } from '#src/core/error.ts'
import { backOffMs, retryAfterMs } from '#src/http/back-off.ts'
import { plainUrl } from '#src/http/redact.ts'
import type { HttpMethod, HttpRequest, HttpResponse } from '#src/http/transport.ts'
import { abortable } from './abortable.ts'
import { textOf } from './keystone/login.ts'
import type { Token } from './keystone/token.ts'
import { waitFor } from './repeats.ts'
import { parseJson, requestIdOf, statusError } from './replies.ts'
import type { ServiceClient, ServiceReply, ServiceRequest, ServiceVersion } from './service-client.ts'
import { noVersions, parseVersion, rootOf } from './versions.ts'
import { observed, type Wire } from './wire.ts'

const DEADLINE_MS = 60_000
/** Repetitions of one request at most. */
const REPEATS = 3
const VERSION_MS = 300_000
const REDIRECTS = 3
const IDEMPOTENT: ReadonlySet<HttpMethod> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'] as const)

/** The name that a service's microversion header has for it. */
const HEADER_NAMES: Readonly<Record<string, string>> = { 'block-storage': 'volume' }

/** What a request carries. */
export interface RequestTokens {
  readonly user: Token
  readonly service?: Token | undefined
}

/** What a client needs of the session that it belongs to. */
export interface LoggedIn {
  readonly options: Wire
  endpoint(serviceType: string, signal?: AbortSignal): Promise<string>
  tokens(signal?: AbortSignal): Promise<RequestTokens>
  /** These were refused; true if others can be had. */
  renew(tokens: RequestTokens): boolean
}

/** A service as the catalog has it. */
export class CatalogClient implements ServiceClient {
  readonly serviceType: string
  readonly #session: LoggedIn
  #version: { readonly endpoint: string; readonly until: number; readonly version: Promise<ServiceVersion> } | undefined

  constructor(session: LoggedIn, serviceType: string) {
    this.#session = session
    this.serviceType = serviceType
  }

  async endpoint(signal?: AbortSignal): Promise<string> {
    return await this.#session.endpoint(this.serviceType, signal)
  }

  async send(request: ServiceRequest): Promise<ServiceReply> {
    return await this.#sendTo(await this.endpoint(request.signal), request)
  }

  async version(signal?: AbortSignal): Promise<ServiceVersion> {
    const endpoint = await this.endpoint(signal)
    const known = this.#version
    if (known && known.endpoint === endpoint && this.#now() < known.until) return await abortable(known.version, signal)
    const version = this.#askVersion(endpoint)
    this.#version = { endpoint, until: this.#now() + VERSION_MS, version }
    // A failure is not kept.
    version.catch(() => {
      if (this.#version?.version === version) this.#version = undefined
    })
    return await abortable(version, signal)
  }

  /** For all who ask meanwhile, so by nobody's signal. */
  async #askVersion(endpoint: string): Promise<ServiceVersion> {
    const root = rootOf(endpoint)
    const where = `GET ${plainUrl(root)}/`
    try {
      const reply = await this.#sendTo(root, { method: 'GET', path: '', okStatuses: [200, 300], deadlineMs: 20_000 })
      return parseVersion(this.serviceType, reply.json(), where)
    } catch (error) {
      throw noVersions(this.serviceType, where, error)
    }
  }

  #now(): number {
    return this.#session.options.clock.monotonic()
  }

  async #sendTo(base: string, request: ServiceRequest): Promise<ServiceReply> {
    const { clock, random } = this.#session.options
    const { idempotent = IDEMPOTENT.has(request.method), retryStatuses } = request
    const rule = { isIdempotent: idempotent, retryStatuses }
    let renewed = false
    for (let attempt = 0; ; ) {
      const tokens = await this.#session.tokens(request.signal)
      const { reply, error } = await this.#try(base, request, tokens)
      if (reply && !error) return reply
      if (error.status === 401 && !renewed && this.#session.renew(tokens)) {
        renewed = true
        continue
      }
      const waitMs = attempt < REPEATS ? waitFor(error.failure, rule) : undefined
      if (waitMs === undefined) throw error.status === 401 ? this.#explained(error.failure, tokens) : error.failure
      await clock.sleep(Math.max(waitMs, backOffMs(random, attempt)), request.signal)
      attempt++
    }
  }

  /** One try, its failure as a value. */
  async #try(base: string, request: ServiceRequest, tokens: RequestTokens): Promise<Outcome> {
    const exchange = this.#requestOf(base, request, tokens)
    const what = `${request.method} ${plainUrl(exchange.url)}`
    let response: HttpResponse
    try {
      response = await this.#exchange(exchange)
    } catch (failure) {
      return { error: { failure } }
    }
    const { status, headers, body } = response
    const requestId = requestIdOf(response)
    const isOk = request.okStatuses?.includes(status) ?? (status >= 200 && status < 300)
    const secrets = () => [tokens.user, tokens.service].flatMap(token => (token ? [textOf(token.value)] : []))
    const json = () => parseJson(response, what, secrets())
    if (isOk) return { reply: { status, headers, bytes: body, requestId, json } }
    const after = retryAfterMs(headers['retry-after'], this.#session.options.clock)
    const facts = { what, serviceType: this.serviceType, requestId, retryAfterMs: after, secrets: secrets() }
    return { error: { status, failure: statusError(response, facts) } }
  }

  /** Follows a redirect only to the same server, and only where nothing is changed. */
  async #exchange(first: HttpRequest): Promise<HttpResponse> {
    let request = first
    for (let followed = 0; ; followed++) {
      const response = await observed(this.#session.options, request)
      const { location } = response.headers
      if (response.status <= 300 || response.status > 308 || response.status === 304 || location === undefined)
        return response
      const target = URL.parse(location, request.url)
      const isSame = target !== null && target.origin === new URL(request.url).origin
      if (!isSame || request.method !== 'GET' || followed >= REDIRECTS) throw redirected(request, location, response)
      request = { ...request, url: target.href }
    }
  }

  #requestOf(base: string, request: ServiceRequest, tokens: RequestTokens): HttpRequest {
    const { method, path, json, microversion, signal } = request
    const headers: Record<string, string> = {
      accept: request.accept ?? 'application/json',
      'user-agent': 'holdfast',
      'x-auth-token': textOf(tokens.user.value),
      'x-openstack-request-id': `req-${this.#session.options.random.uuid()}`,
    }
    if (tokens.service) headers['x-service-token'] = textOf(tokens.service.value)
    if (json !== undefined) headers['content-type'] = 'application/json'
    if (microversion !== undefined) {
      headers['openstack-api-version'] = `${HEADER_NAMES[this.serviceType] ?? this.serviceType} ${microversion}`
    }
    return {
      method,
      url: `${base}/${path}${queryOf(request.query)}`,
      headers,
      ...(json !== undefined && { body: JSON.stringify(json) }),
      deadlineMs: request.deadlineMs ?? DEADLINE_MS,
      signal,
    }
  }

  /** A token that was just got and is refused: whose fault it is. */
  #explained(failure: unknown, { service }: RequestTokens): unknown {
    if (!(failure instanceof HoldfastError) || !service || service.roles.includes('service')) return failure
    return new HoldfastError('forbidden', 'service-token-refused', `${failure.message}; the service token may be why`, {
      cause: failure,
      details: {
        ...failure.details,
        hint: `the service user has the roles ${service.roles.join(', ')}; it needs one of the service's service_token_roles, usually 'service'`,
      },
    })
  }
}

type Outcome =
  | { readonly reply: ServiceReply; readonly error?: undefined }
  | { readonly reply?: undefined; readonly error: { readonly status?: number; readonly failure: unknown } }

function queryOf(query: ServiceRequest['query']): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined)
  if (given.length === 0) return ''
  const sorted = given
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]): [string, string] => [key, String(value)])
  return `?${new URLSearchParams(sorted)}`
}

const redirected = (request: HttpRequest, location: string, response: HttpResponse) =>
  new HoldfastError(
    'unavailable',
    'redirect-refused',
    `${request.method} ${plainUrl(request.url)} was answered ${response.status}, a redirect to ${JSON.stringify(plainUrl(location).slice(0, 200))}`,
    {
      details: {
        requestId: requestIdOf(response),
        hint: 'tokens go to no other server; correct the endpoint in the catalog',
      },
    },
  )
