import type { Bench, Measurement } from '../bench.ts'
import { median } from '../measure.ts'
import { needPackage, openStub, openWorker, type Worker } from './processes.ts'
import type { Cost, Work } from './worker.ts'

const VOLUMES = 10_000
const ROUNDS = 15
/** After these, code is compiled in every process. */
const FIRST_ROUNDS = 6

/** All volumes of a project: against Python's client, and against what the download and JSON.parse take by themselves. */
export const cinderList: Bench = {
  names: ['cinder-list', 'cinder-list-wall', 'cinder-list-bare'],
  run: async () => {
    needPackage('cinderclient', 'python3-cinderclient')
    await using stub = await openStub(VOLUMES)
    await using ours = await openWorker('ours', stub.origin)
    await using peer = await openWorker('peer', stub.origin)
    await using bare = await openWorker('bare', stub.origin)
    return entries(await measure([ours, peer, bare]))
  },
}

type Round = readonly [ours: Cost, peer: Cost, bare: Cost]

async function measure([ours, peer, bare]: readonly [Worker, Worker, Worker]): Promise<readonly Round[]> {
  const work: Work = { verb: 'list' }
  const rounds: Round[] = []
  for (let round = 0; round < FIRST_ROUNDS + ROUNDS; round++) {
    const costs = { peer: await peer.do(work), bare: await bare.do(work), ours: await ours.do(work) }
    sameOf(costs.ours, costs.peer, costs.bare)
    if (round >= FIRST_ROUNDS) rounds.push([costs.ours, costs.peer, costs.bare])
  }
  return rounds
}

/** Throws unless all saw the same. */
export function sameOf(first: Cost, ...others: readonly Cost[]): void {
  for (const { count, gib } of others) {
    if (count === first.count && gib === first.gib) continue
    throw new Error(`not the same volumes were seen: ${first.count} of ${first.gib} GiB, and ${count} of ${gib} GiB`)
  }
}

function entries(rounds: readonly Round[]): readonly Measurement[] {
  const middle = (who: 0 | 1 | 2, what: 'cpu' | 'wall') => median(rounds.map(round => round[who][what]))
  const what = `${VOLUMES} volumes of Cinder in pages of 1000, each as the facade's view, by CinderVolumeService`
  const peer = "against python3-cinderclient with Nova's view"
  const how = `medians of ${ROUNDS} by turns, each in a process of its own that did it ${FIRST_ROUNDS} times before; the server's part is not counted`
  const of = (name: string, ours: number, other: number, target: number, note: string) =>
    ({ name, ours, peer: other, unit: 'ms', target, note }) as const
  return [
    of('cinder-list', middle(0, 'cpu'), middle(1, 'cpu'), 0.4, `${what} ${peer}: processor time, ${how}`),
    of('cinder-list-wall', middle(0, 'wall'), middle(1, 'wall'), 0.5, `the same: wall clock`),
    of(
      'cinder-list-bare',
      middle(0, 'cpu'),
      middle(2, 'cpu'),
      1.5,
      `${what} against nothing but the download by undici and JSON.parse: processor time, ${how}`,
    ),
  ]
}
