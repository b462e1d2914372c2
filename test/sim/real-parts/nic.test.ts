import { BridgeNic } from '#src/nics/bridge/bridge-nic.ts'
import { nicConformance } from '#src/nics/conformance.ts'
import { createSimHost } from '#src/sim/host.ts'
import { simTools } from '#src/sim/tools/tools.ts'
import { World } from '#src/sim/world.ts'

nicConformance('Linux bridge, by simulated commands', async () => {
  const world = new World()
  world.interfaces.set('br0', { name: 'br0', kind: 'bridge' })
  return {
    nic: new BridgeNic(createSimHost(world, simTools(world))),
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
