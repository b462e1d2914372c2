import { spawnSync } from 'node:child_process'
import { type Bench, CannotMeasure, type Measurement } from './bench.ts'
import { byTurns, type Command, inScratch, median, peakMemoryOf, timeOf } from './measure.ts'
import { formatVolumes, type VolumePair } from './volume-pair.ts'

const ROUNDS = 5
/** One of ours is over in a few ticks of the kernel's CPU clock, so that many are needed for a mean. */
const OURS_IN_A_ROUND = 20

/** Opening a key slot as `check` does it, on a plain file: no device-mapper is needed, so it can be measured anywhere. */
export const unlockNative: Bench = {
  names: ['unlock-native-wall', 'unlock-native-cpu', 'unlock-native-memory'],
  run: async () => {
    if (spawnSync('cryptsetup', ['--version']).status !== 0) throw new CannotMeasure('cryptsetup is not installed')
    return await inScratch(async directory => await measure(await formatVolumes(directory)))
  },
}

async function measure({ ours, peer, peerDerivation, passphrase }: VolumePair): Promise<readonly Measurement[]> {
  const open = (volume: string): Command => ({
    argv: ['cryptsetup', 'open', '--test-passphrase', '--key-file=-', volume],
    input: passphrase,
  })
  const times = await byTurns(
    ROUNDS,
    () => timesOf(open(ours), OURS_IN_A_ROUND),
    () => timesOf(open(peer), 1),
  )
  const memory = await byTurns(
    ROUNDS,
    () => peakMemoryOf(open(ours)),
    () => peakMemoryOf(open(peer)),
  )
  const what = `cryptsetup open --test-passphrase, a volume formatted by Holdfast (pbkdf2) against one with cryptsetup defaults (${peerDerivation})`
  const pair = (pick: (times: Times) => number) => ({
    ours: median(times.ours.map(pick)),
    peer: median(times.peer.map(pick)),
  })
  const often = `medians of ${ROUNDS} by turns`
  return [
    {
      name: 'unlock-native-wall',
      ...pair(({ wall }) => wall),
      unit: 'ms',
      target: 0.02,
      note: `${what}; wall clock, ${often}`,
    },
    { name: 'unlock-native-cpu', ...pair(({ cpu }) => cpu), unit: 'ms', note: `${what}; user and system, ${often}` },
    {
      name: 'unlock-native-memory',
      ours: median(memory.ours),
      peer: median(memory.peer),
      unit: 'MiB',
      note: `${what}; peak resident, ${often}`,
    },
  ]
}

interface Times {
  readonly wall: number
  readonly cpu: number
}

/** Median wall clock and mean CPU. */
function timesOf(command: Command, count: number): Times {
  const all = Array.from({ length: count }, () => timeOf(command))
  return { wall: median(all.map(({ wall }) => wall)), cpu: all.reduce((sum, { cpu }) => sum + cpu, 0) / count }
}
