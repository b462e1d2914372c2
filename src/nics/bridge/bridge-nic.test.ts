import { randomBytes } from 'node:crypto'
import { createNodeHost } from '#src/host/node-host.ts'
import { nicConformance } from '../conformance.ts'
import { BridgeNic } from './bridge-nic.ts'

/** Real bridges and taps of this kernel, with names of their own. */
async function make() {
  const host = createNodeHost()
  const tag = randomBytes(4).toString('hex')
  const [bridge, tap] = [`hfb${tag}`, `tap${tag}`]
  const ip = (...args: string[]) => host.run({ tool: 'ip', args })
  await ip('link', 'add', 'name', bridge, 'type', 'bridge')
  return {
    nic: new BridgeNic(host),
    spec: { portId: '0b1ff6a5-6d3b-4f6e-8a6e-0d7b4d1a0001', bridge, tap, mac: '52:54:00:12:34:56' },
    absentBridge: `no${tag}`,
    leaveTap: async () => void (await ip('tuntap', 'add', 'dev', tap, 'mode', 'tap')),
    putForeign: async () => void (await ip('link', 'add', 'name', tap, 'type', 'bridge')),
    tapExists: async () => (await host.files.stat(`/sys/class/net/${tap}`)) !== undefined,
    [Symbol.asyncDispose]: async () => {
      for (const name of [bridge, tap]) {
        await host.run({ tool: 'ip', args: ['link', 'delete', 'dev', name], okCodes: [0, 1] })
      }
    },
  }
}

nicConformance('bridge', make, { skip: process.getuid?.() === 0 ? false : 'needs root' })
