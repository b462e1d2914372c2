import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { storeConformance } from '#src/store/conformance.ts'
import { SimStore, SimStoreDisk, type StoreWorld } from './store.ts'

const calm: StoreWorld = { effect: async (_, work) => await work() }

storeConformance('SimStore', async () => {
  const disk = new SimStoreDisk()
  const store = new SimStore(calm, disk)
  const setFull = async (full: boolean) => {
    disk.full = full
  }
  return {
    store,
    afterDeath: async () => new SimStore(calm, disk),
    fillDisk: async () => await setFull(true),
    freeDisk: async () => await setFull(false),
    dispose: async () => await store.close(),
  }
})

describe('SimStore', () => {
  it('has nothing on disk of a commit that the process died before, all of one that it died after', async () => {
    const died = new Error('died')
    const before: StoreWorld = { effect: async () => await Promise.reject(died) }
    const after: StoreWorld = {
      effect: async (_, work) => {
        await work()
        throw died
      },
    }
    const row = {
      id: 'op-1',
      kind: 'start',
      instanceId: 'i',
      instanceName: 'i',
      state: 'running',
      bootId: 'b',
      startedAt: 1,
      version: 1,
    } as const
    const disk = new SimStoreDisk()
    for (const [world, left] of [[before, 0] as const, [after, 1] as const]) {
      await assert.rejects(new SimStore(world, disk).commit([{ put: 'operation', row }]), died)
      assert.equal((await new SimStore(calm, disk).operations({})).length, left)
    }
  })
})
