import { BareInsert } from './bare-insert.ts'
import type { Bench } from './bench.ts'
import { inScratch, median } from './measure.ts'
import { SimulatedHost, VOLUMES } from './simulated-host.ts'

const ROUNDS = 5
const INSERTS = 60

/** What the engine and its journal add to each step, in units of the least that a durable step can cost. */
export const engineOverhead: Bench = {
  names: ['engine-overhead'],
  run: async () =>
    await inScratch(async directory => {
      using bare = new BareInsert(directory)
      await using host = await SimulatedHost.open(directory, 'state')
      const [ours, peer]: [number[], number[]] = [[], []]
      await host.life()
      for (let round = 0; round < ROUNDS; round++) {
        peer.push(...Array.from({ length: INSERTS }, () => bare.time()))
        ours.push(await timePerStep(host))
      }
      const note = `attach, hard reboot and detach of ${VOLUMES} encrypted volumes on a simulated host with the real store, time per step, against a bare synced SQLite insert on the same disk; medians of ${ROUNDS} and ${ROUNDS * INSERTS} by turns`
      return [{ name: 'engine-overhead', ours: median(ours), peer: median(peer), unit: 'ms' as const, target: 6, note }]
    }),
}

async function timePerStep(host: SimulatedHost): Promise<number> {
  const begun = performance.now()
  const steps = await host.life()
  return (performance.now() - begun) / steps
}
