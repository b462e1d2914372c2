import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Budget } from './budget.ts'

const tick = () => new Promise(resolve => setImmediate(resolve))

/** Work that ends when it is told to. */
class Works {
  readonly begun: string[] = []
  readonly #ends = new Map<string, () => void>()

  work = (name: string) => () => {
    this.begun.push(name)
    return new Promise<void>(resolve => this.#ends.set(name, resolve))
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.()
    await tick()
  }
}

describe('a budget', () => {
  it('lets begin what fits, in the order of rank and then of asking', async () => {
    const budget = new Budget({ processors: 2 })
    const works = new Works()
    const ask = (name: string, rank: number) => void budget.run({ processors: 1 }, { rank }, works.work(name))
    for (const [name, rank] of [
      ['a', 5],
      ['b', 5],
      ['c', 9],
      ['d', 9],
      ['e', 1],
    ] as const)
      ask(name, rank)
    assert.deepEqual(works.begun, ['a', 'b'])
    await works.end('a')
    assert.deepEqual(works.begun, ['a', 'b', 'e'])
    await works.end('b')
    await works.end('e')
    assert.deepEqual(works.begun, ['a', 'b', 'e', 'c', 'd'])
  })

  it('lets a small one pass a big one, but not for ever', async () => {
    const budget = new Budget({ memory: 10 })
    const works = new Works()
    void budget.run({ memory: 6 }, {}, works.work('first'))
    void budget.run({ memory: 8 }, {}, works.work('big'))
    for (let n = 0; n < 40; n++) void budget.run({ memory: 4 }, {}, works.work(`small ${n}`))
    await tick()
    assert.deepEqual(works.begun, ['first', 'small 0'])
    for (let n = 0; n < 40 && !works.begun.includes('big'); n++) {
      for (const name of works.begun.slice()) await works.end(name)
    }
    assert.ok(works.begun.includes('big'))
    assert.ok(works.begun.length < 30, works.begun.join())
  })

  it('gives who needs more than there is all of it', async () => {
    const budget = new Budget({ memory: 10 })
    const works = new Works()
    void budget.run({ memory: 99 }, {}, works.work('huge'))
    void budget.run({ memory: 1 }, {}, works.work('next'))
    assert.deepEqual(works.begun, ['huge'])
    await works.end('huge')
    assert.deepEqual(works.begun, ['huge', 'next'])
  })

  it('lets go of who is aborted while waiting, and of what failed', async () => {
    const budget = new Budget({ io: 1 })
    const works = new Works()
    void budget.run({ io: 1 }, {}, works.work('a'))
    const abort = new AbortController()
    const waiting = budget.run({ io: 1 }, { signal: abort.signal }, works.work('b'))
    const failing = budget.run({ io: 1 }, {}, async () => {
      throw new Error('it failed')
    })
    void budget.run({ io: 1 }, {}, works.work('c'))
    const refused = [assert.rejects(waiting, /enough/), assert.rejects(failing, /it failed/)]
    abort.abort(new Error('enough'))
    await works.end('a')
    await Promise.all(refused)
    assert.deepEqual(works.begun, ['a', 'c'])
  })

  it('never has more going on than its limits, and everything has its turn', async () => {
    const jobs = fc.array(
      fc.record({ a: fc.integer({ min: 0, max: 7 }), b: fc.integer({ min: 0, max: 3 }), rank: fc.nat(3) }),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(jobs, async all => {
        const budget = new Budget({ a: 5, b: 2 })
        const used = { a: 0, b: 0 }
        await Promise.all(
          all.map(async ({ a, b, rank }) => {
            await budget.run({ a, b }, { rank }, async () => {
              used.a += Math.min(a, 5)
              used.b += Math.min(b, 2)
              assert.ok(used.a <= 5 && used.b <= 2)
              for (let turn = 0; turn < a + b; turn++) await null
              used.a -= Math.min(a, 5)
              used.b -= Math.min(b, 2)
            })
          }),
        )
        assert.deepEqual(used, { a: 0, b: 0 })
      }),
    )
  })
})
