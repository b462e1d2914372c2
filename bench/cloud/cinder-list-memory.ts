import type { Bench } from '../bench.ts'
import { byTurns, median } from '../measure.ts'
import { sameOf } from './cinder-list.ts'
import { needPackage, openStub, openWorker } from './processes.ts'
import type { Cost, Work } from './worker.ts'

const VOLUMES = 100_000
const ROUNDS = 3

/** A project of a size that one would not want in memory at once. */
export const cinderListMemory: Bench = {
  names: ['cinder-list-memory'],
  run: async () => {
    needPackage('cinderclient', 'python3-cinderclient')
    await using stub = await openStub(VOLUMES)
    const grown = async (kind: 'ours' | 'peer', verb: Work['verb']): Promise<Cost> => {
      await using worker = await openWorker(kind, stub.origin)
      return await worker.do({ verb })
    }
    const costs = await byTurns(
      ROUNDS,
      () => grown('ours', 'iterate'),
      () => grown('peer', 'list'),
    )
    const [first, ...others] = [...costs.ours, ...costs.peer]
    if (first) sameOf(first, ...others)
    const middle = (of: readonly Cost[]) => median(of.map(cost => cost.grown))
    const note =
      `CinderVolumeService.list over ${VOLUMES} volumes against python3-cinderclient, which has no way but a list of all: by how much ` +
      `the peak of resident memory (VmHWM) rose, medians of ${ROUNDS}, each in a new process that is logged in and has its modules`
    const name = 'cinder-list-memory'
    return [{ name, ours: middle(costs.ours), peer: middle(costs.peer), unit: 'MiB', target: 0.2, note }]
  },
}
