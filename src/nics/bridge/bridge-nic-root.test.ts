import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { describe } from 'node:test'
import { promisify } from 'node:util'
import { createNodeHost } from '#src/host/node-host.ts'
import { nicConformance } from '../conformance.ts'
import { BridgeNic } from './bridge-nic.ts'

const run = promisify(execFile)
const ip = async (...args: string[]) => await run('ip', args)
const there = (name: string) => existsSync(`/sys/class/net/${name}`)

if (process.getuid?.() === 0) {
  let count = 0
  nicConformance('Linux bridge of this host', async () => {
    // Other processes may run the same test on this kernel.
    const prefix = `hf${process.pid}-${count++}`
    const names = { bridge: `${prefix}b`, free: `${prefix}t` }
    await ip('link', 'add', names.bridge, 'type', 'bridge')
    return {
      nic: new BridgeNic(createNodeHost()),
      ...names,
      async add(name, kind) {
        if (kind === 'tap') await ip('tuntap', 'add', name, 'mode', 'tap')
        else await ip('link', 'add', name, 'type', 'bridge')
      },
      enslave: async name => {
        await ip('link', 'set', 'dev', name, 'master', names.bridge)
      },
      has: async name => there(name),
      async [Symbol.asyncDispose]() {
        const left = readdirSync('/sys/class/net').filter(name => name.startsWith(prefix))
        for (const name of left) await ip('link', 'delete', 'dev', name)
      },
    }
  })
} else {
  describe('network interface: Linux bridge of this host', { skip: 'needs root' }, () => {})
}
