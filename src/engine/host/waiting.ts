import { Budget } from '#src/core/budget.ts'
import type { Clock } from '#src/core/clock.ts'
import type { Random } from '#src/core/random.ts'

/** Between two questions, milliseconds: soon at first, for most outages of a booting host end soon. */
const FIRST_MS = 1000
const LONGEST_MS = 15_000
const GROWTH = 1.5
/** Questions at once; a service that comes back is not run over by all that wait for it. */
const AT_ONCE = 4

/**
 * Waits for something outside of this host that tells nobody when it is back: it is asked again and again, more and
 * more seldom. Each waits for its own, so that one key that never comes keeps nobody else.
 */
export class Outages {
  readonly #clock: Clock
  readonly #random: Random
  readonly #questions = new Budget({ questions: AT_ONCE })

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** True as soon as `ask` comes back without an error; false if it has not `until` (monotonic milliseconds). */
  async over(ask: () => Promise<unknown>, until: number, signal: AbortSignal | undefined): Promise<boolean> {
    for (let pause = FIRST_MS; ; pause = Math.min(pause * GROWTH, LONGEST_MS)) {
      const left = until - this.#clock.monotonic()
      if (left <= 0) return false
      await this.#clock.sleep(Math.min(left, pause * this.#jitter()), signal)
      if (await this.#questions.run({ questions: 1 }, { signal }, () => answers(ask))) return true
    }
  }

  /** 0.75 to 1.25. */
  #jitter(): number {
    return 0.75 + (this.#random.bytes(1)[0] ?? 0) / 512
  }
}

/** Why it did not answer was told when it was first met, and is told again if it still does not at the end. */
const answers = (ask: () => Promise<unknown>): Promise<boolean> =>
  ask().then(
    () => true,
    () => false,
  )
