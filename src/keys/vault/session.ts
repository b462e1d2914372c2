import type { Host } from '#src/host/host.ts'
import { isDead, type Lease, lineOfSecret, logIn, renew } from './login.ts'
import type { VaultAuth } from './options.ts'
import type { VaultWire } from './wire.ts'

interface Held extends Lease {
  /** On the clock that only grows; infinite for a token that has no end. */
  readonly renewAt: number
  readonly end: number
}

/**
 * The token that requests go out with. One from a login is renewed when two thirds of its lease have passed, and replaced by
 * a login when Vault renews it no further; many callers share one login.
 */
export class VaultSession {
  readonly #host: Pick<Host, 'files' | 'clock'>
  readonly #wire: VaultWire
  readonly #auth: VaultAuth
  #held: Held | undefined
  #underway: Promise<Held> | undefined

  constructor(host: Pick<Host, 'files' | 'clock'>, wire: VaultWire, auth: VaultAuth) {
    this.#host = host
    this.#wire = wire
    this.#auth = auth
  }

  async token(): Promise<string> {
    if (this.#auth.method === 'token') return await lineOfSecret(this.#host, this.#auth.file, 'token')
    const held = this.#held
    if (held && this.#host.clock.monotonic() < held.renewAt) return held.token
    const next = await this.#refresh().catch(error => {
      // The old one serves until its end; whether Vault can be used is for the request to tell.
      if (held && this.#host.clock.monotonic() < held.end) return held
      throw error
    })
    return next.token
  }

  /** After a refusal: true if this token is none any more and the next may be let in, so that it is worth to ask again. */
  async replaced(token: string, signal?: AbortSignal): Promise<boolean> {
    if (this.#auth.method === 'token') return (await this.token()) !== token
    if (this.#held && this.#held.token !== token) return true
    if (!(await isDead(this.#wire, token, signal))) return false
    if (this.#held?.token === token) this.#held = undefined
    return true
  }

  /** Gives back a token that a login gave. */
  async close(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    if (held) await this.#wire.send({ method: 'POST', path: 'auth/token/revoke-self', body: '{}', token: held.token })
  }

  #refresh(): Promise<Held> {
    this.#underway ??= this.#next().finally(() => {
      this.#underway = undefined
    })
    return this.#underway
  }

  async #next(): Promise<Held> {
    const since = this.#host.clock.monotonic()
    const held = this.#held
    const lease = (held && (await this.#prolonged(held, since))) ?? (await this.#loggedIn())
    this.#held = { ...lease, ...timesOf(lease, since) }
    return this.#held
  }

  async #prolonged(held: Held, now: number): Promise<Lease | undefined> {
    if (!held.renewable || now >= held.end) return undefined
    const lease = await renew(this.#wire, held)
    return lease && lease.durationMs * 2 >= held.durationMs ? lease : undefined
  }

  async #loggedIn(): Promise<Lease> {
    if (this.#auth.method === 'token') throw new Error('a token from a file needs no login')
    return await logIn(this.#host, this.#wire, this.#auth)
  }
}

function timesOf({ durationMs }: Lease, since: number): Pick<Held, 'renewAt' | 'end'> {
  if (durationMs === 0) return { renewAt: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }
  return { renewAt: since + (durationMs * 2) / 3, end: since + durationMs }
}
