import { BareInsert } from './bare-insert.ts'
import type { Bench } from './bench.ts'
import { inScratch, middleRound, type Round } from './measure.ts'
import { SimulatedHost, VOLUMES } from './simulated-host.ts'

const ROUNDS = 9

/** What the engine and its journal add to each step, in units of the least that a durable step can cost. */
export const engineOverhead: Bench = {
  names: ['engine-overhead'],
  run: async () =>
    await inScratch(async directory => {
      using bare = new BareInsert(directory)
      await using host = await SimulatedHost.open(directory, 'state')
      await round(host, bare)
      const rounds: Round[] = []
      while (rounds.length < ROUNDS) rounds.push(await round(host, bare))
      const note = `attach, hard reboot and detach of ${VOLUMES} encrypted volumes on a simulated host with the real store, time per step, against a bare synced SQLite insert on the same disk, one beside each step; middle one of ${ROUNDS} rounds`
      return [{ name: 'engine-overhead', ...middleRound(rounds), unit: 'ms', target: 6, note }]
    }),
}

/** An insert as each step begins, taken off the time of the whole. */
async function round(host: SimulatedHost, bare: BareInsert): Promise<Round> {
  let [steps, inserts] = [0, 0]
  const operations = host.life(({ outcome }) => {
    if (outcome.state !== 'started') return
    steps++
    inserts += bare.time()
  })
  const begun = performance.now()
  for (const operation of operations) await operation()
  return { ours: (performance.now() - begun - inserts) / steps, peer: inserts / steps }
}
