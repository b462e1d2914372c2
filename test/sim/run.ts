import { writeFileSync } from 'node:fs'
import { Misuse, type Options, optionsOf, USAGE } from './random/options.ts'
import { play } from './random/play.ts'
import { type Told, toJson, toText } from './random/report.ts'
import { type Found, runAt, search } from './random/search.ts'

/** Largest seed of fast-check. */
const LAST_SEED = 2 ** 31 - 1
const REPORT_EVERY_MS = 30_000

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Misuse)) throw error
  process.stderr.write(`error: ${error.message}\n\n${USAGE}`)
  process.exitCode = 64
}

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args)
  if (!options) {
    process.stdout.write(USAGE)
    return 0
  }
  // Before hours are spent on what could then not be written.
  if (options.json !== undefined) write(options.json, '')
  const told = await soak(options)
  if (options.json !== undefined) write(options.json, toJson(told))
  process.stdout.write(toText(told))
  return told.found ? 1 : 0
}

async function soak(options: Options): Promise<Told> {
  const { seed: firstSeed, steps, minutes, path } = options
  const begun = performance.now()
  const end = minutes === undefined ? Number.POSITIVE_INFINITY : begun + minutes * 60_000
  const last = Math.min(LAST_SEED, minutes === undefined ? firstSeed + options.runs - 1 : LAST_SEED)
  let [seed, told, found] = [firstSeed, begun, undefined as Found | undefined]
  for (; ; seed++) {
    if (options.log && path === undefined) await printLog(seed, steps)
    found = await search({ seed, steps, path })
    const now = performance.now()
    if (found || seed >= last || now >= end) break
    if (now - told < REPORT_EVERY_MS) continue
    told = now
    process.stderr.write(`${seed - firstSeed + 1} runs so far, all well\n`)
  }
  const seconds = (performance.now() - begun) / 1000
  return { runs: seed - firstSeed + 1, steps, firstSeed, lastSeed: seed, seconds, found }
}

async function printLog(seed: number, steps: number): Promise<void> {
  const { log } = await play(seed, runAt({ seed, steps }))
  process.stdout.write(`seed ${seed}\n${log.join('\n')}\n`)
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new Misuse(`--json cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
