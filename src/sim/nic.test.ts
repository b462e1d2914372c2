import { nicConformance } from '#src/nics/conformance.ts'
import { SimNic } from './nic.ts'
import { World } from './world.ts'

nicConformance('simulated', async () => {
  const world = new World()
  const spec = { portId: world.random.uuid(), bridge: 'br0', tap: 'tap0', mac: '52:54:00:12:34:56' }
  world.interfaces.set(spec.bridge, { name: spec.bridge, kind: 'bridge' })
  return {
    nic: new SimNic(world),
    spec,
    absentBridge: 'br9',
    leaveTap: async () => void world.interfaces.set(spec.tap, { name: spec.tap, kind: 'tap', bridge: spec.bridge }),
    putForeign: async () => void world.interfaces.set(spec.tap, { name: spec.tap, kind: 'other' }),
    tapExists: async () => world.interfaces.has(spec.tap),
    [Symbol.asyncDispose]: async () => {},
  }
})
