/** What something takes of each resource; a resource that is left out is not needed. */
export type Need<R extends string> = Readonly<Partial<Record<R, number>>>

interface Waiting<R extends string> {
  readonly need: Need<R>
  readonly rank: number
  passedOver: number
  readonly start: () => void
}

/** A request that was passed over so often is next: big ones are not starved by small ones. */
const PATIENCE = 16

/**
 * Bounds what goes on at once by amounts of several resources. Of those that wait the lowest rank goes first, and of the
 * same rank whoever asked first; a later one that fits may go before an earlier one that does not fit yet. Whoever needs
 * more than there is of something gets all of it, and so runs alone.
 */
export class Budget<R extends string> {
  readonly #limits: Readonly<Record<R, number>>
  readonly #free: Record<R, number>
  #waiting: Waiting<R>[] = []

  constructor(limits: Readonly<Record<R, number>>) {
    this.#limits = limits
    this.#free = { ...limits }
  }

  /** Runs `work` when there is enough left for it; rejects with the signal's reason if that is aborted while waiting. */
  async run<T>(
    need: Need<R>,
    options: { readonly rank?: number | undefined; readonly signal?: AbortSignal | undefined },
    work: () => Promise<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted()
    const taken = this.#clamped(need)
    if (this.#waiting.length === 0 && this.#fits(taken)) this.#take(taken, -1)
    else await this.#wait(taken, options)
    try {
      return await work()
    } finally {
      this.#take(taken, 1)
      this.#admit()
    }
  }

  #wait(
    need: Need<R>,
    { rank = 0, signal }: { readonly rank?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting = this.#waiting.filter(other => other !== one)
        reject(signal?.reason)
        this.#admit()
      }
      const start = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const one: Waiting<R> = { need, rank, passedOver: 0, start }
      const at = this.#waiting.findIndex(other => other.rank > rank)
      this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, one)
      signal?.addEventListener('abort', abort, { once: true })
      this.#admit()
    })
  }

  #admit(): void {
    const still: Waiting<R>[] = []
    let blocked = false
    for (const one of this.#waiting) {
      if (!blocked && this.#fits(one.need)) {
        this.#take(one.need, -1)
        for (const earlier of still) earlier.passedOver++
        one.start()
      } else {
        blocked ||= one.passedOver >= PATIENCE
        still.push(one)
      }
    }
    this.#waiting = still
  }

  #clamped(need: Need<R>): Need<R> {
    const entries = this.#entries(need).map(([resource, amount]) => [
      resource,
      Math.min(amount, this.#limits[resource]),
    ])
    return Object.fromEntries(entries) as Need<R>
  }

  #fits = (need: Need<R>): boolean => this.#entries(need).every(([resource, amount]) => amount <= this.#free[resource])

  #take(need: Need<R>, sign: 1 | -1): void {
    for (const [resource, amount] of this.#entries(need)) this.#free[resource] += sign * amount
  }

  #entries = (need: Need<R>): readonly [R, number][] => Object.entries(need) as [R, number][]
}
