import { accessSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runInUml } from '#lab/uml/uml.ts'
import { mapSettled } from '#src/core/concurrency.ts'
import { MIB } from '#src/core/sizes.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type Bench, CannotMeasure, type Measurement } from './bench.ts'
import { inScratch, runToEnd } from './measure.ts'
import { makePoolVolume, type PoolVolume, VOLUME_BYTES } from './resume-volumes.ts'

const VOLUMES = 40
/** Formatting one takes 15 s in the guest. */
const PEERS = 2
const MEMORY_MIB = 1700

/** What the program inside the guest prints. */
export interface ResumeTimes {
  /** Milliseconds, all volumes together. */
  readonly ours: number
  /** Milliseconds of each volume. */
  readonly peer: readonly number[]
  readonly peerName: string
  readonly peerDerivation: string
}

/** A host's encrypted volumes on real loop devices and dm-crypt, from nothing to unlocked and verified. */
export const resumeLab: Bench = {
  names: ['resume-lab'],
  run: async () => {
    checkLab()
    return await inScratch(async directory => [await measure(directory)])
  },
}

function checkLab(): void {
  if (process.getuid?.() !== 0) throw new CannotMeasure('the kernel lab needs root')
  try {
    accessSync('/usr/bin/linux.uml')
  } catch {
    throw new CannotMeasure('the package user-mode-linux is not installed')
  }
}

async function measure(directory: string): Promise<Measurement> {
  const pool = join(directory, 'pool')
  const volumes = await makePool(pool)
  const disk = join(directory, 'disk.img')
  runToEnd({ argv: ['mkfs.ext4', '-q', '-d', pool, disk, `${(VOLUMES * VOLUME_BYTES) / MIB}M`] })
  const guest = await runInUml({
    argv: [process.execPath, join(import.meta.dirname, 'resume-guest.ts')],
    env: {
      BENCH_VOLUMES: JSON.stringify(volumes),
      BENCH_PEERS: String(PEERS),
    },
    modules: ['loop', 'dm-crypt'],
    disks: [disk],
    memoryMib: MEMORY_MIB,
  })
  if (guest.exitCode !== 0) throw new Error(`the guest ended with ${guest.exitCode}: ${guest.stderr}${guest.console}`)
  return entry(JSON.parse(guest.stdout))
}

async function makePool(pool: string): Promise<readonly PoolVolume[]> {
  mkdirSync(pool)
  const host = createNodeHost()
  const made = await mapSettled(Array.from({ length: VOLUMES }), 2, () => makePoolVolume(host, pool))
  return made.map(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

const entry = ({ ours, peer, peerName, peerDerivation }: ResumeTimes): Measurement => ({
  name: 'resume-lab',
  ours,
  peer: mean(peer) * VOLUMES,
  unit: 'ms',
  target: 0.1,
  note:
    `${VOLUMES} encrypted volumes as files with nothing attached until each is unlocked on dm-crypt and proved, by ` +
    'src/connectors/local and src/encryptors/luks within the bounds of host resume, against ' +
    `${peerName} one after another with headers that it made (${peerDerivation}), loop device included; the peer's mean of ` +
    `${peer.length} attachments, scaled to ${VOLUMES}. Wall clock in one User-mode Linux guest with one processor, where starting a ` +
    'process takes 50 ms and what the peer derives was fitted to that processor',
})
