import type { Clock } from '#src/core/clock.ts'
import type { Random } from '#src/core/random.ts'

export interface BackOffSettings {
  /** Before the first repetition at most, milliseconds; doubled for each more. */
  readonly firstMs: number
  readonly mostMs: number
}

export const BACK_OFF: BackOffSettings = { firstMs: 500, mostMs: 10_000 }

/**
 * How long to wait before repetition `attempt` (0 is the first): between half of the step and all of it, so that many who failed
 * together do not come back together.
 */
export function backOffMs(random: Random, attempt: number, { firstMs, mostMs }: BackOffSettings = BACK_OFF): number {
  const step = Math.min(mostMs, firstMs * 2 ** attempt)
  const [high = 0, low = 0] = random.bytes(2)
  return step / 2 + (step / 2) * ((high * 256 + low) / 65_536)
}

/** `Retry-After` as milliseconds from now: seconds, or a date. Undefined if it says nothing that can be read. */
export function retryAfterMs(text: string | undefined, clock: Pick<Clock, 'now'>): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text.trim()) * 1000
  // A date has the names of a day and a month; the parser would take `-5` for one.
  const at = /[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now())
}
