import type { CloudCredentials } from './credentials.ts'
import { type LoginParts, login } from './login.ts'
import type { Token } from './token.ts'

/** Before its end a token is renewed by so much (Nova, Cinder), or by half of its life if that is shorter. */
const MARGIN_MS = 120_000

/** The token of one identity: got when it is first asked for, renewed before it ends, and once for all who ask at the same time. */
export class TokenSource {
  readonly #parts: LoginParts
  readonly #credentials: CloudCredentials
  #current: { readonly token: Token; readonly renewAt: number } | undefined
  #running: Promise<Token> | undefined

  constructor(parts: LoginParts, credentials: CloudCredentials) {
    this.#parts = parts
    this.#credentials = credentials
  }

  /** Can another token be got when this one is refused? */
  get renewable(): boolean {
    return this.#credentials.method.type !== 'token'
  }

  async get(signal?: AbortSignal): Promise<Token> {
    signal?.throwIfAborted()
    if (this.#current && this.#parts.clock.monotonic() < this.#current.renewAt) return this.#current.token
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
    const token = await login(this.#parts, this.#credentials)
    const { clock } = this.#parts
    // This host's clock may be wrong, after a power cut above all: what counts is how long the token lives.
    const lifeMs = token.lifeMs ?? token.expiresAt - clock.now()
    this.#current = { token, renewAt: clock.monotonic() + lifeMs - Math.min(MARGIN_MS, lifeMs / 2) }
    return token
  }
}

/** Whoever gives up waits no longer; the login goes on for the others. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await work
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
