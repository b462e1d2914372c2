import { KeyedLock } from '#src/core/concurrency.ts'
import { GIB } from '#src/core/sizes.ts'
import { type BoundsSettings, HostBounds } from '#src/engine/bounds.ts'
import { HostEngine } from '#src/engine/host/host-engine.ts'
import { OperationsEngine } from '#src/engine/operations.ts'
import { POOL, Rig } from '#test/sim/rig.ts'
import { type Bench, type Measurement, ratioOf } from './bench.ts'
import { latencyOf, lowerBound, type TimedVolume } from './resume-bound.ts'

const [INSTANCES, VOLUMES] = [100, 3]
/** In the mixed pool each so-manieth volume was formatted elsewhere, with a derivation that is hard on memory. */
const EACH = 10
const HARD = { memoryBytes: GIB, threads: 2 }

const host = (processors: number, gib: number): BoundsSettings => ({
  instances: 16,
  processors,
  derivationMemoryBytes: gib * GIB,
  io: 8,
})
/** Short of processors; of memory, where derivations are hard on it; of I/O. The rest is as the configuration has it. */
const HOSTS: readonly BoundsSettings[] = [host(2, 2), host(8, 2), host(32, 32)]

/** A whole host after a power cut, in virtual time, against what no schedule within its bounds can beat. */
export const resumeSim: Bench = {
  names: ['resume-sim', 'resume-sim-mixed'],
  run: async () => [await worstOf('resume-sim', () => false), await worstOf('resume-sim-mixed', n => n % EACH === 0)],
}

type IsHard = (volume: number) => boolean

async function worstOf(name: string, isHard: IsHard): Promise<Measurement> {
  const all: Measurement[] = []
  for (const bounds of HOSTS) all.push(await measure(name, bounds, isHard))
  return all.reduce((worst, one) => (ratioOf(one) > ratioOf(worst) ? one : worst))
}

async function measure(name: string, bounds: BoundsSettings, isHard: IsHard): Promise<Measurement> {
  const { rig, instances } = await withInstances(isHard)
  await rig.reboot()
  rig.world.latency = latencyOf(instances.flat(), () => rig.world.clock.monotonic())
  const { durationMs, instances: back } = await engineOf(rig, bounds).resume()
  const lost = [...back.filter(({ outcome }) => outcome !== 'resumed').map(one => one.name), ...rig.badSights()]
  if (back.length !== INSTANCES || lost.length > 0) throw new Error(`not all came back: ${lost.join(', ')}`)
  const { processors, derivationMemoryBytes, io } = bounds
  const memory = `${derivationMemoryBytes / GIB} GiB for key derivation`
  return {
    name,
    ours: durationMs,
    peer: lowerBound(instances, bounds),
    unit: 'ms',
    target: 1.2,
    note:
      `host resume of ${INSTANCES} instances with ${VOLUMES} encrypted volumes each on a simulated host with measured latencies, virtual time, ` +
      `against the lower bound of any schedule within the same bounds; the worst of ${HOSTS.length} hosts is that with ${processors} processors, ${memory}, ${io} for I/O`,
  }
}

async function withInstances(isHard: IsHard): Promise<{ rig: Rig; instances: readonly (readonly TimedVolume[])[] }> {
  const rig = new Rig()
  const instances: TimedVolume[][] = []
  for (let n = 0; n < INSTANCES; n++) {
    const volumes: TimedVolume[] = []
    for (let v = 0; v < VOLUMES; v++) volumes.push(await volume(rig, isHard(n * VOLUMES + v)))
    await rig.instance(
      `guest-${String(n).padStart(3, '0')}`,
      volumes.map(({ id }) => id),
    )
    instances.push(volumes)
  }
  return { rig, instances }
}

async function volume(rig: Rig, hard: boolean): Promise<TimedVolume> {
  const id = await rig.volume('luks2')
  const file = rig.world.files.get(`${POOL}/volume-${id}`)
  if (!file?.luks) throw new Error(`volume ${id} has no header`)
  if (hard) file.luks = { ...file.luks, derivation: HARD }
  return { id, derivation: hard ? HARD : { memoryBytes: 0, threads: 1 } }
}

/** A process on the host with these bounds. */
function engineOf(rig: Rig, bounds: BoundsSettings): HostEngine {
  const parts = { ...rig.parts, bounds: new HostBounds(bounds) }
  const locks = new KeyedLock()
  const operations = new OperationsEngine(parts, locks)
  return new HostEngine({ parts, instances: rig.instances, operations, locks, isBusy: async () => false })
}
