import { accessSync } from 'node:fs'
import { join } from 'node:path'
import { runInUml } from '#lab/uml/uml.ts'
import { type Bench, CannotMeasure, type Measurement } from './bench.ts'
import { inScratch, median } from './measure.ts'
import { formatVolumes } from './volume-pair.ts'

const ROUNDS = 3
/** The default derivation takes up to 1 GiB. */
const MEMORY_MIB = 1700

/** What the program inside the guest prints: milliseconds of each round. */
export interface GuestTimes {
  readonly ours: readonly { readonly wall: number; readonly cpu: number }[]
  readonly peer: readonly { readonly wall: number; readonly cpu: number }[]
}

/** A volume on real dm-crypt from the encryptor's call to the mapping, in a User-mode Linux guest. */
export const unlockLab: Bench = {
  names: ['unlock-lab-wall', 'unlock-lab-cpu'],
  run: async () => {
    checkLab()
    return await inScratch(measure)
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

async function measure(directory: string): Promise<readonly Measurement[]> {
  const { ours, peer, uuid, passphrase, peerDerivation } = await formatVolumes(directory)
  const result = await runInUml({
    argv: [process.execPath, join(import.meta.dirname, 'unlock-guest.ts')],
    env: { BENCH_UUID: uuid, BENCH_PASSPHRASE: passphrase, BENCH_ROUNDS: String(ROUNDS) },
    modules: ['dm-crypt'],
    disks: [ours, peer],
    memoryMib: MEMORY_MIB,
  })
  if (result.exitCode !== 0)
    throw new Error(`the guest ended with ${result.exitCode}: ${result.stderr}${result.console}`)
  const times: GuestTimes = JSON.parse(result.stdout)
  const note = `unlock by src/encryptors/luks against cryptsetup open of a volume with its defaults (${peerDerivation}), on dm-crypt in a User-mode Linux guest, where memory-hard derivations cost more than on bare metal`
  const entry = (pick: 'wall' | 'cpu') => ({
    name: `unlock-lab-${pick}`,
    ours: median(times.ours.map(time => time[pick])),
    peer: median(times.peer.map(time => time[pick])),
    unit: 'ms' as const,
    target: 0.12,
    note: `${note}; ${pick === 'wall' ? 'wall clock' : 'user and system'}, medians of ${ROUNDS} by turns`,
  })
  return [entry('wall'), entry('cpu')]
}
