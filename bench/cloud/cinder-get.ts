import type { Bench, Measurement } from '../bench.ts'
import { median } from '../measure.ts'
import { sameOf } from './cinder-list.ts'
import { needPackage, openStub, openWorker } from './processes.ts'
import { idOf } from './volumes.ts'
import type { Cost, Work } from './worker.ts'

const VOLUMES = 1000
const SLOW_VOLUMES = 256
const IN_FLIGHT = 64
/** A sixth of what a real Cinder takes for a volume when nothing else is asked of it. */
const THINKS_MS = 5
const ROUNDS = 7
/** After these, code is compiled and connections are there. */
const FIRST_ROUNDS = 3

/** Single volumes: one after another as a reboot asks for them, and many at a time as a host's resume does. */
export const cinderGet: Bench = {
  names: ['cinder-get', 'cinder-get-64', 'cinder-get-64-busy'],
  run: async () => {
    needPackage('cinderclient', 'python3-cinderclient')
    return [...(await atOnce()), await thinking()]
  },
}

const HOW = `wall clock, medians of ${ROUNDS} by turns in processes that did it ${FIRST_ROUNDS} times before`

/** The service answers at once. */
async function atOnce(): Promise<readonly Measurement[]> {
  await using stub = await openStub(VOLUMES)
  await using ours = await openWorker('ours', stub.origin)
  await using peer = await openWorker('peer', stub.origin)
  const work = gets(VOLUMES)
  const rounds = await inRounds(async () => {
    const [theirs, one] = [await peer.do(work), await ours.do(work)]
    return [theirs, one, await ours.do({ ...work, inFlight: IN_FLIGHT })]
  })
  const [theirs, one, many] = [middle(rounds, 0), middle(rounds, 1), middle(rounds, 2)]
  const what = `${VOLUMES} volumes by CinderVolumeService.get`
  const against = `one after another against python3-cinderclient with Nova's view: ${HOW}`
  const busy = `${IN_FLIGHT} in flight against one after another at a service that answers at once, so that processors are all that is waited for: ${HOW}`
  return [
    { name: 'cinder-get', ours: one, peer: theirs, unit: 'ms', target: 0.5, note: `${what}, ${against}` },
    { name: 'cinder-get-64-busy', ours: many, peer: one, unit: 'ms', note: `${what}, ${busy}` },
  ]
}

/** The service takes its time. */
async function thinking(): Promise<Measurement> {
  await using stub = await openStub(SLOW_VOLUMES, THINKS_MS)
  await using ours = await openWorker('ours', stub.origin)
  const work = gets(SLOW_VOLUMES)
  const rounds = await inRounds(async () => [await ours.do(work), await ours.do({ ...work, inFlight: IN_FLIGHT })])
  return {
    name: 'cinder-get-64',
    ours: middle(rounds, 1),
    peer: middle(rounds, 0),
    unit: 'ms',
    target: 0.333,
    note:
      `${SLOW_VOLUMES} volumes by CinderVolumeService.get, ${IN_FLIGHT} in flight against one after another at a service that ` +
      `thinks ${THINKS_MS} ms, a sixth of what a real Cinder does: ${HOW}`,
  }
}

const gets = (count: number): Work => ({ verb: 'get', ids: Array.from({ length: count }, (_, index) => idOf(index)) })

type Round = readonly [Cost, ...Cost[]]

async function inRounds(one: () => Promise<Round>): Promise<readonly Round[]> {
  const rounds: Round[] = []
  for (let round = 0; round < FIRST_ROUNDS + ROUNDS; round++) {
    const costs = await one()
    sameOf(...costs)
    if (round >= FIRST_ROUNDS) rounds.push(costs)
  }
  return rounds
}

const middle = (rounds: readonly Round[], who: number): number =>
  median(rounds.map(costs => costs[who]?.wall ?? Number.NaN))
