import { withDeadline } from '#src/core/deadline.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import type { HttpRequest, HttpResponse, HttpTransport } from '#src/http/transport.ts'
import type { World } from '../world.ts'
import { answerOf, type CloudReply, type CloudService } from './exchange.ts'

const MIB = 2 ** 20

/**
 * HTTP to the simulated cloud: every request that changes something is one effect of the world, every other a look. What a
 * fault there throws is what becomes of the exchange: codes `endpoint-unreachable` and `reply-lost` as they are, and
 * `http-504` as a reply with that status, as from a proxy that stands before the service.
 */
export class SimHttpTransport implements HttpTransport {
  readonly #world: World
  readonly #services: ReadonlyMap<string, CloudService>
  #requests = 0

  /** `services`: by origin, `https://volume.cloud.example`. */
  constructor(world: World, services: ReadonlyMap<string, CloudService>) {
    this.#world = world
    this.#services = services
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { origin, hostname, pathname, searchParams: query } = new URL(request.url)
    const service = this.#services.get(origin)
    if (!service) throw new HoldfastError('unavailable', 'endpoint-unreachable', `${hostname}: no such name`)
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
    )
    const body = typeof request.body === 'string' ? new TextEncoder().encode(request.body) : request.body
    const path = pathname.slice(1).split('/').map(decodeURIComponent)
    const deed = service.deed({ method: request.method, path, query, headers, body })
    const run = () => answerOf(deed.run)
    const pass = (signal: AbortSignal) =>
      deed.changes ? this.#world.effect(deed.name, run, signal) : this.#world.look(deed.name, run, signal)
    return this.#response(await this.#exchange(request, deed.name, pass), request.maxBytes ?? 64 * MIB)
  }

  async #exchange(
    { deadlineMs, signal }: HttpRequest,
    name: string,
    pass: (signal: AbortSignal) => Promise<CloudReply>,
  ): Promise<CloudReply> {
    try {
      return await withDeadline(this.#world.clock, deadlineMs, name, signal, pass)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (hasCode(error, 'timeout')) {
        throw new HoldfastError('timeout', 'reply-lost', `${name}: no reply within ${deadlineMs} ms`, { cause: error })
      }
      const status = isHoldfastError(error) ? /^http-(\d{3})$/.exec(error.code)?.[1] : undefined
      if (status === undefined) throw error
      return proxyReply(Number(status))
    }
  }

  #response({ status, headers, json, text, bytes }: CloudReply, maxBytes: number): HttpResponse {
    const content = json === undefined ? (text ?? '') : JSON.stringify(json)
    const body = bytes?.slice() ?? new TextEncoder().encode(content)
    if (body.length > maxBytes) {
      throw new HoldfastError('unavailable', 'reply-too-large', `the reply has more than ${maxBytes} bytes`)
    }
    const id = `req-00000000-0000-4000-8000-${(++this.#requests).toString(16).padStart(12, '0')}`
    const type = json === undefined ? {} : { 'content-type': 'application/json' }
    return { status, headers: { ...type, 'x-openstack-request-id': id, ...headers }, body }
  }

  async close(): Promise<void> {}
}

const TITLES: Readonly<Record<number, string>> = {
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Time-out',
}

const proxyReply = (status: number): CloudReply => ({
  status,
  headers: { 'content-type': 'text/html' },
  text: `<html><body><h1>${status} ${TITLES[status] ?? 'Error'}</h1>\nThe server didn't respond in time.\n</body></html>\n`,
})
