import { withDeadline } from '#src/core/deadline.ts'
import { hasCode } from '#src/core/error.ts'
import type { WaitOptions } from '#src/hypervisor/hypervisor.ts'
import { isConnectionError, type LibvirtConnectionError } from '#src/libvirt/index.ts'
import type { Context } from './context.ts'
import type { DomainEvent } from './domain-events.ts'
import { hypervisorError } from './errors.ts'

/** Between attempts to reach a libvirt that went away in mid-wait. */
const RECONNECT_MS = 250
/** A look without an event now and then: a lost event delays, it never hangs. */
export const LOOK_MS = 2000

/**
 * A wait for something to become true of one domain: events say when to look, looking decides. It begins to listen before
 * anything is requested, and goes on when libvirt is restarted meanwhile.
 */
export class Watch {
  readonly signal: AbortSignal
  readonly #context: Context
  readonly #events: DomainEvent[] = []
  #changed = Promise.withResolvers<void>()
  /** Why libvirt could not be asked at the last look. */
  unreachable: LibvirtConnectionError | undefined

  constructor(context: Context, signal: AbortSignal) {
    this.#context = context
    this.signal = signal
  }

  hear(event: DomainEvent): void {
    this.#events.push(event)
    this.#changed.resolve()
  }

  heard(kind: DomainEvent['kind'], alias?: string): boolean {
    return this.#events.some(
      event => event.kind === kind && (alias === undefined || ('alias' in event && event.alias === alias)),
    )
  }

  /** Looks, then waits for an event and looks again, until the look gives an answer. */
  async until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      this.#changed = Promise.withResolvers()
      const answer = await this.#look(look)
      if (answer !== undefined) return answer
      await this.#rest(this.unreachable ? RECONNECT_MS : LOOK_MS)
    }
  }

  /** A libvirt that is away is no answer: the next look may find it again. */
  async #look<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      const answer = await look()
      this.unreachable = undefined
      return answer
    } catch (error) {
      if (!isConnectionError(error, 'unreachable', 'lost', 'dead')) throw error
      this.unreachable = error
      return undefined
    }
  }

  async #rest(ms: number): Promise<void> {
    this.signal.throwIfAborted()
    const done = new AbortController()
    const waits = [this.#context.host.clock.sleep(ms, AbortSignal.any([this.signal, done.signal]))]
    if (!this.unreachable) waits.push(this.#changed.promise)
    try {
      await Promise.race(waits)
    } finally {
      done.abort()
      waits[0]?.catch(() => {})
    }
  }
}

/**
 * Runs `work` with a watch on the domain, within the deadline.
 * @throws HoldfastError `timeout`, `hypervisor-unavailable` if libvirt was away when the deadline struck, or what `work` throws
 */
export async function watching<T>(
  context: Context,
  id: string,
  what: string,
  wait: WaitOptions,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  let watch: Watch | undefined
  try {
    return await withDeadline(context.host.clock, wait.deadlineMs, what, wait.signal, async signal => {
      const fresh = new Watch(context, signal)
      watch = fresh
      const stop = await context.events.listen(id, event => fresh.hear(event), signal)
      try {
        return await work(fresh)
      } finally {
        stop()
      }
    })
  } catch (error) {
    if (hasCode(error, 'timeout') && watch?.unreachable)
      throw hypervisorError(what, watch.unreachable, { instance: id })
    throw hypervisorError(what, error, { instance: id, layer: 'presentation' })
  }
}
