import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyedLock, mapSettled } from './concurrency.ts'

describe('mapSettled', () => {
  it('gives every outcome in order and never runs more than the bound', async () => {
    let running = 0
    let most = 0
    const outcomes = await mapSettled([1, 2, 3, 4, 5], 2, async item => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      if (item === 3) throw new Error('three')
      return item * 10
    })
    assert.equal(most, 2)
    const shown = outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value : 'failed'))
    assert.deepEqual(shown, [10, 20, 'failed', 40, 50])
  })

  it('takes an empty list', async () => {
    assert.deepEqual(await mapSettled([], 4, async () => 1), [])
  })
})

describe('KeyedLock', () => {
  it('runs one at a time for a key, in the order of asking, past a failure', async () => {
    const lock = new KeyedLock()
    const seen: string[] = []
    const gate = Promise.withResolvers<void>()
    const first = lock.run('a', async () => {
      await gate.promise
      seen.push('first')
      throw new Error('first')
    })
    const second = lock.run('a', async () => seen.push('second'))
    const other = lock.run('b', async () => seen.push('other'))
    await other
    gate.resolve()
    await assert.rejects(first, /first/)
    await second
    assert.deepEqual(seen, ['other', 'first', 'second'])
  })

  it('takes many keys without waiting in a ring', async () => {
    const lock = new KeyedLock()
    const both = [
      ['x', 'y'],
      ['y', 'x'],
      ['x', 'x'],
    ].map(keys => lock.runAll(keys, async () => keys.join('')))
    assert.deepEqual(await Promise.all(both), ['xy', 'yx', 'xx'])
  })
})
