import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { storeConformance } from '#src/store/conformance.ts'
import { faultAt } from './faults.ts'
import { openSimStore, SimStoreDisk } from './store.ts'
import { World } from './world.ts'

storeConformance('SimStore', async () => {
  const world = new World()
  const store = openSimStore(world)
  const disk = world.slot('store', () => new SimStoreDisk())
  const setFull = async (full: boolean) => {
    disk.full = full
  }
  return {
    store,
    afterDeath: async () => {
      await world.restart()
      return openSimStore(world)
    },
    fillDisk: async () => await setFull(true),
    freeDisk: async () => await setFull(false),
    dispose: async () => await store.close(),
  }
})

const ROW = {
  id: 'op-1',
  kind: 'start',
  instanceId: 'i',
  instanceName: 'i',
  state: 'running',
  bootId: 'b',
  startedAt: 1,
  version: 1,
} as const

describe('SimStore', () => {
  for (const [when, left] of [['before', 0] as const, ['after', 1] as const]) {
    it(`has ${left} rows on disk of a commit that the process died ${when}`, async () => {
      const world = new World()
      world.faults = faultAt(1, { when, do: 'die' })
      const outcome = openSimStore(world).commit([{ put: 'operation', row: ROW }])
      await Promise.race([outcome.then(() => assert.fail('it answered')), world.died])
      await world.restart()
      assert.equal((await openSimStore(world).operations({})).length, left)
    })
  }
})
