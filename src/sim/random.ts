import type { Random } from '#src/core/random.ts'

/** The same seed gives the same sequence (mulberry32). Not for keys of anything real. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** One that goes on as this one would. */
  fork(): SeededRandom {
    return new SeededRandom(this.#state)
  }

  /** An integer from 0 to `below` − 1. */
  below(below: number): number {
    return Math.floor((this.#next() / 2 ** 32) * below)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#next() >>> 24)
  }

  uuid(): string {
    const hex = Buffer.from(this.bytes(16)).toString('hex')
    const variant = '89ab'[this.below(4)]
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
}
