// Runs inside the lab's guest: /dev/ubda is a volume formatted by Holdfast, /dev/ubdb one with the defaults of cryptsetup.
import { Secret } from '#src/core/secret.ts'
import { luksClose, luksOpen } from '#src/host/cryptsetup.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { byTurns, childrenCpu, runToEnd } from './measure.ts'
import type { GuestTimes } from './unlock-lab.ts'

const { BENCH_PASSPHRASE = '', BENCH_ROUNDS = '1' } = process.env
const host = createNodeHost()

async function timed(work: () => void | Promise<void>) {
  const own = process.cpuUsage()
  const children = childrenCpu()
  const begun = performance.now()
  await work()
  const wall = performance.now() - begun
  const { user, system } = process.cpuUsage(own)
  return { wall, cpu: (user + system) / 1000 + childrenCpu() - children }
}

async function ours() {
  const time = await timed(async () => {
    await luksOpen(host, '/dev/ubda', 'ours', new Secret(new TextEncoder().encode(BENCH_PASSPHRASE)))
  })
  await luksClose(host, 'ours')
  return time
}

async function peer() {
  const open = ['cryptsetup', 'open', '--key-file=-', '/dev/ubdb', 'peer'] as const
  const time = await timed(() => void runToEnd({ argv: open, input: BENCH_PASSPHRASE }))
  runToEnd({ argv: ['cryptsetup', 'close', 'peer'] })
  return time
}

const times: GuestTimes = await byTurns(Number(BENCH_ROUNDS), ours, peer)
process.stdout.write(JSON.stringify(times))
