import type { Clock } from '#src/core/clock.ts'

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

/** 2026-01-01T00:00:00Z */
const EPOCH = Date.UTC(2026, 0, 1)

/**
 * Time that stands still while anything has work to do, and jumps to the next sleeper when nothing has: an hour's wait
 * takes no time, and the same run gives the same times. Only for worlds without real I/O.
 */
export class VirtualClock implements Clock {
  #elapsed: number
  #order = 0
  #sleepers: Sleeper[] = []
  #stopped = false
  #pump: NodeJS.Immediate | undefined

  /** `elapsed`: milliseconds that have passed already. */
  constructor(elapsed = 0) {
    this.#elapsed = elapsed
  }

  now(): number {
    return EPOCH + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      if (this.#stopped) return
      const sleeper = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, wake: () => wake() }
      const abort = () => {
        this.#sleepers = this.#sleepers.filter(other => other !== sleeper)
        if (this.#sleepers.length === 0) this.#rest()
        reject(signal?.reason)
      }
      const wake = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#sleepers.push(sleeper)
      this.#schedule()
    })
  }

  /** Time passes although somebody has work to do. Sleepers that are due wake when nothing has. */
  advance(ms: number): void {
    this.#elapsed += ms
  }

  /** The process died: whoever sleeps never wakes, nor who goes to sleep before `start`. */
  stop(): void {
    this.#stopped = true
    this.#sleepers = []
  }

  start(): void {
    this.#stopped = false
  }

  /** Nobody sleeps: nothing is left to be done later. */
  #rest(): void {
    clearImmediate(this.#pump)
    this.#pump = undefined
  }

  #schedule(): void {
    this.#pump ??= setImmediate(() => {
      this.#pump = undefined
      this.#wakeNext()
      if (this.#sleepers.length > 0) this.#schedule()
    })
  }

  #wakeNext(): void {
    const [first] = this.#sleepers.toSorted((a, b) => a.at - b.at || a.order - b.order)
    if (!first) return
    this.#sleepers = this.#sleepers.filter(other => other !== first)
    this.#elapsed = Math.max(this.#elapsed, first.at)
    first.wake()
  }
}
