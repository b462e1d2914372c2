import { keyManagerConformance } from '#src/keys/conformance.ts'
import { SimKeyManager } from './key-manager.ts'
import { World } from './world.ts'

keyManagerConformance('simulated', async () => {
  const world = new World()
  const keys = new SimKeyManager(world)
  return {
    keys,
    reopen: async () => {
      await world.restart()
      return new SimKeyManager(world)
    },
    damage: async id => {
      const key = keys.keys.get(id)
      if (key) key.damaged = true
    },
    [Symbol.asyncDispose]: async () => {},
  }
})
