import { abortable } from '../abortable.ts'
import type { Wire } from '../wire.ts'
import type { CloudCredentials } from './credentials.ts'
import { login } from './login.ts'
import type { Token } from './token.ts'

/** Before its end a token is renewed by so much (Nova, Cinder), or by half of its life if that is shorter. */
const MARGIN_MS = 120_000

/** The token of one identity: got when it is first asked for, renewed before it ends, and once for all who ask at the same time. */
export class TokenSource {
  readonly #wire: Wire
  readonly #credentials: CloudCredentials
  #current: { readonly token: Token; readonly renewAt: number } | undefined
  #running: Promise<Token> | undefined

  constructor(wire: Wire, credentials: CloudCredentials) {
    this.#wire = wire
    this.#credentials = credentials
  }

  /** Can another token be got when this one is refused? */
  get renewable(): boolean {
    return this.#credentials.method.type !== 'token'
  }

  async get(signal?: AbortSignal): Promise<Token> {
    signal?.throwIfAborted()
    if (this.#current && this.#wire.clock.monotonic() < this.#current.renewAt) return this.#current.token
    this.#running ??= this.#renew().finally(() => {
      this.#running = undefined
    })
    return await abortable(this.#running, signal)
  }

  /** The service refused it: the next who asks gets another. Nothing if that was done already. */
  invalidate(token: Token): void {
    if (this.#current?.token === token) this.#current = undefined
  }

  wipe(): void {
    this.#current?.token.value.wipe()
    this.#current = undefined
  }

  async #renew(): Promise<Token> {
    const token = await login(this.#wire, this.#credentials)
    const { clock } = this.#wire
    // This host's clock may be wrong, after a power cut above all: what counts is how long the token lives.
    const lifeMs = token.lifeMs ?? token.expiresAt - clock.now()
    this.#current = { token, renewAt: clock.monotonic() + lifeMs - Math.min(MARGIN_MS, lifeMs / 2) }
    return token
  }
}
