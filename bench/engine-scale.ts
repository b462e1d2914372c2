import type { Bench } from './bench.ts'
import { byTurns, inScratch, median } from './measure.ts'
import { addInstances, OPERATIONS, SimulatedHost, VOLUMES } from './simulated-host.ts'

const ROUNDS = 7
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
      for (const host of [many, few]) await host.life()
      const { ours, peer } = await byTurns(
        ROUNDS,
        () => timePerOperation(many),
        () => timePerOperation(few),
      )
      const note = `attach, hard reboot and detach of ${VOLUMES} encrypted volumes, time per operation with ${MANY} instances in the store against ${FEW}; medians of ${ROUNDS} by turns`
      return [{ name: 'engine-scale', ours: median(ours), peer: median(peer), unit: 'ms' as const, target: 1.3, note }]
    }),
}

async function timePerOperation(host: SimulatedHost): Promise<number> {
  const begun = performance.now()
  await host.life()
  return (performance.now() - begun) / OPERATIONS
}
