import type { Bench } from '../bench.ts'
import { median } from '../measure.ts'
import { sameOf } from './cinder-list.ts'
import { needPackage, openStub, openWorker, type Worker } from './processes.ts'
import { idOf } from './volumes.ts'
import type { Cost, Work } from './worker.ts'

const VOLUMES = 1000
const IN_FLIGHT = 64
const ROUNDS = 7
const FIRST_ROUNDS = 2

/** Single volumes: one after another as a reboot asks for them, and many at a time as a host's resume does. */
export const cinderGet: Bench = {
  names: ['cinder-get', 'cinder-get-64'],
  run: async () => {
    needPackage('cinderclient', 'python3-cinderclient')
    await using stub = await openStub(VOLUMES)
    await using ours = await openWorker('ours', stub.origin)
    await using peer = await openWorker('peer', stub.origin)
    const rounds = await measure(ours, peer)
    const middle = (who: 'one' | 'many' | 'peer') => median(rounds.map(round => round[who].wall))
    const how = `wall clock, medians of ${ROUNDS} by turns, each in a process of its own that did it ${FIRST_ROUNDS} times before`
    const what = `${VOLUMES} volumes by CinderVolumeService.get`
    const against = `one after another against python3-cinderclient with Nova’s view: ${how}`
    return [
      {
        name: 'cinder-get',
        ours: middle('one'),
        peer: middle('peer'),
        unit: 'ms',
        target: 0.5,
        note: `${what}, ${against}`,
      },
      {
        name: 'cinder-get-64',
        ours: middle('many'),
        peer: middle('one'),
        unit: 'ms',
        target: 0.333,
        note: `${what}, ${IN_FLIGHT} in flight against one after another: ${how}`,
      },
    ]
  },
}

interface Round {
  readonly one: Cost
  readonly many: Cost
  readonly peer: Cost
}

async function measure(ours: Worker, peer: Worker): Promise<readonly Round[]> {
  const ids = Array.from({ length: VOLUMES }, (_, index) => idOf(index))
  const work: Work = { verb: 'get', ids }
  const rounds: Round[] = []
  for (let round = 0; round < FIRST_ROUNDS + ROUNDS; round++) {
    const [theirs, one] = [await peer.do(work), await ours.do(work)]
    const many = await ours.do({ ...work, inFlight: IN_FLIGHT })
    sameOf(one, many, theirs)
    if (round >= FIRST_ROUNDS) rounds.push({ one, many, peer: theirs })
  }
  return rounds
}
