import type { Clock } from '#src/core/clock.ts'

interface Sleeper {
  readonly due: number
  readonly wake: () => void
}

/** Test support: time that stands still until it is told to go on. */
export class TestClock implements Clock {
  #now = 1_000_000
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const sleeper = { due: this.#now + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      const abort = () => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Wakes in order whoever is due until then; each may go to sleep again meanwhile. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const next = [...this.#sleepers].sort((a, b) => a.due - b.due)[0]
      if (next === undefined || next.due > end) break
      this.#now = Math.max(this.#now, next.due)
      this.#sleepers.delete(next)
      next.wake()
      await new Promise(resolve => setImmediate(resolve))
    }
    this.#now = end
  }
}
