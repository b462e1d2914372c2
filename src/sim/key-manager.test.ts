import { keyManagerConformance } from '#src/keys/conformance.ts'
import { SimKeyManager } from './key-manager.ts'
import { World } from './world.ts'

keyManagerConformance('simulated', async () => {
  const world = new World()
  return {
    keys: new SimKeyManager(world),
    reopen: async () => new SimKeyManager(world),
    [Symbol.asyncDispose]: async () => {},
  }
})
