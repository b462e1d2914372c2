import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { BarbicanKeyManager } from '#src/keys/barbican/barbican-key-manager.ts'
import { keyManagerConformance } from '#src/keys/conformance.ts'
import { cloudState } from '#src/sim/cloud/state.ts'
import { World } from '#src/sim/world.ts'
import { sessionOn } from './session.ts'

const keysOn = (world: World, creation: 'order' | 'direct' = 'order') =>
  new BarbicanKeyManager(world, sessionOn(world).client('key-manager'), { creation })

for (const creation of ['order', 'direct'] as const) {
  keyManagerConformance(`Barbican on the simulated cloud, ${creation}`, async () => {
    const world = new World()
    return {
      keys: keysOn(world, creation),
      reopen: async () => {
        await world.restart()
        return keysOn(world, creation)
      },
      damage: async id => {
        const stored = cloudState(world).secrets.get(id)
        if (stored?.payload) stored.payload = stored.payload.slice(1)
      },
      [Symbol.asyncDispose]: async () => {},
    }
  })
}

describe('keys at the simulated Barbican', () => {
  it('are told as unavailable when it cannot be reached, when replies get lost, and when a proxy answers', async () => {
    const world = new World()
    const keys = keysOn(world)
    const id = await keys.create({ algorithm: 'aes', bitLength: 256 })
    for (const code of ['endpoint-unreachable', 'reply-lost', 'http-502', 'http-503', 'http-504']) {
      const error = new HoldfastError('unavailable', code, 'it was made to')
      world.faults = ({ name }) => (name.startsWith('barbican') ? { when: 'before', do: 'fail', error } : undefined)
      await assert.rejects(keys.get(id), each => hasCode(each, 'key-manager-unavailable'), code)
    }
  })

  it('are had again after the token has ended', async () => {
    const world = new World()
    const keys = keysOn(world)
    const id = await keys.create({ algorithm: 'aes', bitLength: 256 })
    await world.clock.sleep(25 * 3_600_000)
    assert.equal((await keys.get(id)).bitLength, 256)
  })
})
