import type { Host } from '#src/host/host.ts'
import type { HttpMethod, HttpResponse, HttpTransport } from '#src/http/transport.ts'
import { isAbsent, mayPass, refused, unreachable } from './errors.ts'
import type { VaultOptions } from './options.ts'
import { VaultSession } from './session.ts'
import { VaultWire } from './wire.ts'

const MOST_TRIES = 3
const FIRST_PAUSE_MS = 200

export interface VaultCall {
  /** Names it in errors: `give key 6a1c…`. */
  readonly what: string
  readonly method: HttpMethod
  readonly path: string
  readonly body?: Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Speaks to Vault with a token. Every call may be sent again, for whoever calls sees to that; it is after an outage, after a
 * pause with some chance in it.
 */
export class VaultClient {
  readonly session: VaultSession
  readonly #host: Pick<Host, 'files' | 'clock' | 'random'>
  readonly #wire: VaultWire

  constructor(host: Pick<Host, 'files' | 'clock' | 'random'>, transport: HttpTransport, options: VaultOptions) {
    this.#host = host
    this.#wire = new VaultWire(transport, options)
    this.session = new VaultSession(host, this.#wire, options.auth)
  }

  /**
   * An answer that is one: a success, or that nothing is there (`isAbsent`), or what `accept` lets pass; `repeated` tells it that
   * an earlier try of the same may have been done, its answer lost.
   */
  async call(call: VaultCall, accept?: (response: HttpResponse, repeated: boolean) => boolean): Promise<HttpResponse> {
    for (let tries = 1; ; tries++) {
      try {
        const response = await this.#withToken(call)
        if (response.status < 300 || isAbsent(response) || accept?.(response, tries > 1)) return response
        throw refused(call.what, response)
      } catch (error) {
        const failure = unreachable(call.what, error)
        if (tries === MOST_TRIES || !mayPass(failure)) throw failure
        await this.#host.clock.sleep(this.#pause(tries), call.signal)
      }
    }
  }

  async #withToken(call: VaultCall): Promise<HttpResponse> {
    call.signal?.throwIfAborted()
    const token = await this.session.token()
    const response = await this.#wire.send({ ...call, token })
    if (response.status !== 403 || !(await this.session.replaced(token, call.signal))) return response
    return await this.#wire.send({ ...call, token: await this.session.token() })
  }

  #pause(tries: number): number {
    const chance = (this.#host.random.bytes(1)[0] ?? 0) / 256
    return FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + chance)
  }
}
