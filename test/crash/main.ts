import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CATALOGUE, type Explored, pairedOf } from './catalogue.ts'
import { Exploration, explorePairs, type PairRow, type Row } from './explore.ts'
import { parsePoint } from './points.ts'
import { replay } from './replay.ts'
import { toJson, toText, violationsOf } from './report.ts'
import { MECHANISMS, type Mechanism } from './scene.ts'

const USAGE = `npm run crash -- [--only OPERATION]… [--mechanism MECHANISM]… [--json FILE]
                 --only OPERATION --mechanism MECHANISM --point POINT    one point again

operations: ${CATALOGUE.map(({ name }) => name).join('; ')}
mechanisms: ${MECHANISMS.join(', ')}
`

const EXIT_USAGE = 64

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      mechanism: { type: 'string', multiple: true },
      point: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const operations = choose(CATALOGUE, ({ name }) => name, values.only)
  const mechanisms = choose(MECHANISMS, name => name, values.mechanism)
  if (values.help || operations.length === 0 || mechanisms.length === 0) return tellUsage(values.help ? 0 : EXIT_USAGE)
  if (values.point === undefined) return await exploreAll(operations, mechanisms, values.json)
  const [operation, mechanism] = [operations[0], mechanisms[0]]
  if (!operation || !mechanism || operations.length + mechanisms.length > 2) return tellUsage(EXIT_USAGE)
  const told = await replay(operation, mechanism, parsePoint(values.point), line => console.log(line))
  console.log(told.length === 0 ? 'No violation.' : told.map(each => `VIOLATED ${each}`).join('\n'))
  return told.length === 0 ? 0 : 1
}

function tellUsage(exitCode: number): number {
  process.stderr.write(USAGE)
  return exitCode
}

/** Those that are named; all, if none is; none, if one that is named is not there. */
function choose<T>(all: readonly T[], nameOf: (one: T) => string, names: readonly string[] | undefined): readonly T[] {
  if (names === undefined) return all
  const known = all.map(nameOf)
  return names.every(name => known.includes(name)) ? all.filter(one => names.includes(nameOf(one))) : []
}

async function exploreAll(
  operations: readonly Explored[],
  mechanisms: readonly Mechanism[],
  json: string | undefined,
): Promise<number> {
  const begun = performance.now()
  const rows: Row[] = []
  const pairs: PairRow[] = []
  for (const mechanism of mechanisms) {
    const exploration = new Exploration(mechanism)
    const fitting = operations.filter(({ mechanisms: only }) => only?.includes(mechanism) ?? true)
    for (const operation of fitting) rows.push(await exploration.explore(operation))
    pairs.push(await explorePairs(mechanism, pairedOf(mechanism, fitting)))
  }
  const report = { rows, pairs, seconds: (performance.now() - begun) / 1000 }
  console.log(toText(report))
  if (json !== undefined) writeFileSync(json, toJson(report))
  return violationsOf(report).length === 0 ? 0 : 1
}

process.exitCode = await main()
