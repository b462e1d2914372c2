// Runs inside the lab's guest: /dev/ubda is a volume formatted by Holdfast, /dev/ubdb one with the defaults of cryptsetup.
import { Secret } from '#src/core/secret.ts'
import type { UnlockRequest } from '#src/encryptors/encryptor.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { byTurns, childrenCpu, runToEnd } from './measure.ts'
import type { GuestTimes } from './unlock-lab.ts'
import { VOLUME_BYTES } from './volume-pair.ts'

const { BENCH_UUID = '', BENCH_PASSPHRASE = '', BENCH_ROUNDS = '1' } = process.env
const encryptor = new LuksEncryptor(createNodeHost())

const request: UnlockRequest = {
  volumeId: '00000000-0000-4000-8000-000000000001',
  source: { kind: 'block', path: '/dev/ubda', sizeBytes: VOLUME_BYTES, identity: { luksUuid: BENCH_UUID } },
  encryption: {
    provider: 'luks2',
    controlLocation: 'front-end',
    cipher: 'aes-xts-plain64',
    keySize: 512,
    keyId: 'bench',
  },
  luksUuid: BENCH_UUID,
}

/** Wall clock and CPU of ours and of all that we start, milliseconds. */
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
  using passphrase = new Secret(new TextEncoder().encode(BENCH_PASSPHRASE))
  const time = await timed(async () => void (await encryptor.unlock(request, passphrase)))
  await encryptor.lock(request)
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
