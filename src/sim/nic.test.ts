import { nicConformance } from '#src/nics/conformance.ts'
import { SimNic } from './nic.ts'
import { World } from './world.ts'

nicConformance('simulated', async () => {
  const world = new World()
  world.interfaces.set('br0', { name: 'br0', kind: 'bridge' })
  return {
    nic: new SimNic(world),
    bridge: 'br0',
    free: 'tap0',
    add: async (name, kind) => {
      world.interfaces.set(name, { name, kind })
    },
    enslave: async name => {
      world.interfaces.set(name, { name, kind: 'tap', bridge: 'br0' })
    },
    has: async name => world.interfaces.has(name),
    [Symbol.asyncDispose]: async () => {},
  }
})
