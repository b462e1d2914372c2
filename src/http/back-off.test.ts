import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backOffMs, retryAfterMs } from './back-off.ts'

const random = (byte: number) => ({ uuid: () => '', bytes: (count: number) => new Uint8Array(count).fill(byte) })
const NOW = Date.UTC(2026, 10, 22, 10, 0, 0)
const clock = { now: () => NOW }

describe('the wait before a request is sent again', () => {
  it('doubles up to a bound, between half of the step and all of it', () => {
    const steps = [0, 1, 2, 3, 4, 5, 60, 2000]
    assert.deepEqual(
      steps.map(step => backOffMs(random(0), step)),
      [250, 500, 1000, 2000, 4000, 5000, 5000, 5000],
    )
    for (const [index, step] of [500, 1000, 2000, 4000, 8000, 10_000].entries()) {
      const most = backOffMs(random(255), index)
      assert.ok(most > step * 0.99 && most < step, `${most} of ${step}`)
    }
  })

  it('is what Retry-After says, in seconds or as a date; what is neither says nothing', () => {
    const cases: readonly (readonly [string | undefined, number | undefined])[] = [
      ['0', 0],
      [' 7 ', 7000],
      ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
      ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
      ['soon', undefined],
      ['-5', undefined],
      ['1.5', undefined],
      ['', undefined],
      ['2026', 2_026_000],
      [undefined, undefined],
    ]
    for (const [text, ms] of cases) assert.equal(retryAfterMs(text, clock), ms, String(text))
  })
})
