import { systemClock } from '#src/core/clock.ts'
import { systemRandom } from '#src/core/random.ts'
import { FakeKeyManagerClient } from '#src/openstack/barbican/testing/fake-client.ts'
import { FakeBarbican } from '#src/openstack/barbican/testing/fake-state.ts'
import { keyManagerConformance } from '../conformance.ts'
import { BarbicanKeyManager } from './barbican-key-manager.ts'

const host = { clock: systemClock, random: systemRandom }

for (const creation of ['order', 'direct'] as const) {
  for (const microversions of [true, false]) {
    keyManagerConformance(`Barbican, ${creation}, ${microversions ? 'of now' : 'without microversions'}`, async () => {
      const server = new FakeBarbican()
      server.microversions = microversions
      const open = () => new BarbicanKeyManager(host, new FakeKeyManagerClient(server), { creation })
      return {
        keys: open(),
        reopen: async () => open(),
        damage: async id => {
          const stored = server.secrets.get(id)
          if (stored?.payload) stored.payload = stored.payload.slice(1)
        },
        [Symbol.asyncDispose]: async () => {},
      }
    })
  }
}
