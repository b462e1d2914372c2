import type { Bench } from './bench.ts'
import { inScratch, middleRound, type Round } from './measure.ts'
import { addInstances, SimulatedHost, VOLUMES } from './simulated-host.ts'

const ROUNDS = 9
const [MANY, FEW] = [1000, 10]

/** The cost of an operation must not grow with what else is recorded. */
export const engineScale: Bench = {
  names: ['engine-scale'],
  run: async () =>
    await inScratch(async directory => {
      await using many = await SimulatedHost.open(directory, 'many')
      await using few = await SimulatedHost.open(directory, 'few')
      await addInstances(many.store, MANY - 1)
      await addInstances(few.store, FEW - 1)
      await round(many, few)
      const rounds: Round[] = []
      while (rounds.length < ROUNDS) rounds.push(await round(many, few))
      const note = `attach, hard reboot and detach of ${VOLUMES} encrypted volumes, time per operation with ${MANY} instances in the store against ${FEW}, operation by operation; middle one of ${ROUNDS} rounds`
      return [{ name: 'engine-scale', ...middleRound(rounds), unit: 'ms', target: 1.3, note }]
    }),
}

/** Each operation on one store, then on the other. */
async function round(many: SimulatedHost, few: SimulatedHost): Promise<Round> {
  const [large, small] = [many.life(), few.life()]
  let [ours, peer] = [0, 0]
  for (const [index, operation] of large.entries()) {
    peer += await timed(small[index])
    ours += await timed(operation)
  }
  return { ours: ours / large.length, peer: peer / large.length }
}

async function timed(operation: (() => Promise<unknown>) | undefined): Promise<number> {
  const begun = performance.now()
  await operation?.()
  return performance.now() - begun
}
