import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from './clock.ts'
import { formatMs, withDeadline } from './deadline.ts'
import { hasCode } from './error.ts'

/** Time that passes only when told. */
function handClock(): Clock & { strike(): void } {
  const due: (() => void)[] = []
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        due.push(resolve)
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
    strike: () => {
      for (const resolve of due) resolve()
    },
  }
}

describe('withDeadline', () => {
  it('gives the result of work that ends in time', async () => {
    assert.equal(await withDeadline(handClock(), 1000, 'work', undefined, async () => 7), 7)
  })

  it('ends work that never settles, and aborts its signal', async () => {
    const clock = handClock()
    let inner: AbortSignal | undefined
    const hung = withDeadline(clock, 1500, 'unlock of vdb', undefined, signal => {
      inner = signal
      return new Promise(() => {})
    })
    clock.strike()
    await assert.rejects(hung, error => hasCode(error, 'timeout') && /unlock of vdb .* 1\.5 s/.test(String(error)))
    assert.equal(inner?.aborted, true)
  })

  it("passes the caller's abort on, with its reason", async () => {
    const controller = new AbortController()
    const hung = withDeadline(handClock(), 1000, 'work', controller.signal, () => new Promise(() => {}))
    controller.abort(new Error('enough'))
    await assert.rejects(hung, /enough/)
  })

  it('does not begin for a caller who is gone', async () => {
    let begun = false
    const work = async () => {
      begun = true
    }
    await assert.rejects(withDeadline(handClock(), 1000, 'work', AbortSignal.abort(new Error('gone')), work), /gone/)
    assert.equal(begun, false)
  })
})

describe('formatMs', () => {
  it('speaks in the unit that fits', () => {
    assert.deepEqual([850, 12_000, 1500, 180_000].map(formatMs), ['850 ms', '12 s', '1.5 s', '3 min'])
  })
})
