import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Bench, CannotMeasure, type Measurement } from './bench.ts'
import { cliStart } from './cli-start.ts'
import { cinderGet } from './cloud/cinder-get.ts'
import { cinderList } from './cloud/cinder-list.ts'
import { cinderListMemory } from './cloud/cinder-list-memory.ts'
import { cliCinder } from './cloud/cli-cinder.ts'
import { crashExplore } from './crash-explore.ts'
import { engineOverhead } from './engine-overhead.ts'
import { engineScale } from './engine-scale.ts'
import { journal } from './journal.ts'
import { type NotMeasured, toJson, toTable } from './report.ts'
import { resumeLab } from './resume-lab.ts'
import { resumeSim } from './resume-sim.ts'
import { storeCommit } from './store-commit.ts'
import { unlockLab } from './unlock-lab.ts'
import { unlockNative } from './unlock-native.ts'

const BENCHES: readonly Bench[] = [
  unlockNative,
  unlockLab,
  cliStart,
  storeCommit,
  engineOverhead,
  engineScale,
  resumeSim,
  resumeLab,
  crashExplore,
  journal,
  cinderList,
  cinderListMemory,
  cinderGet,
  cliCinder,
]

const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string', multiple: true } } })
const chosen = choose(values.only)
const measurements: Measurement[] = []
const missing: NotMeasured[] = []
for (const bench of chosen) await runOne(bench)
console.log(toTable(measurements, missing))
if (values.json !== undefined) writeFileSync(values.json, toJson(measurements))

async function runOne(bench: Bench): Promise<void> {
  console.error(`measuring ${bench.names.join(', ')} …`)
  try {
    measurements.push(...(await bench.run()))
  } catch (error) {
    if (!(error instanceof CannotMeasure)) throw error
    missing.push(...bench.names.map(name => ({ name, reason: error.message })))
  }
}

/** By the name of an entry, or the beginning of several: `unlock` is all of them. */
function choose(only: readonly string[] | undefined): readonly Bench[] {
  if (only === undefined) return BENCHES
  const named = (name: string) => only.some(word => name === word || name.startsWith(`${word}-`))
  const found = BENCHES.filter(bench => bench.names.some(named))
  if (found.length > 0) return found
  const known = BENCHES.flatMap(({ names }) => names).join(', ')
  throw new Error(`no bench is called ${only.join(', ')}; there are ${known}`)
}
