import { matchesGlob, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { filesOf } from '#lab/uml/run-suite.ts'
import { LAB_ONLY, SUITES } from '#lab/uml/suites.ts'
import { CLONE } from '#lab/uml/uml.ts'
import { cloudStage } from './testing/cloud-stage.ts'
import type { TestLine } from './testing/report.ts'
import { runFiles, runGuest, runTool, type StageResult } from './testing/stages.ts'

const USAGE = `npm test [-- FILE…]             everything, or these test files only
npm run test:unit [-- FILE…]    tests beside the code: no root, no lab, seconds
`

/** A part of the run: what it is called, and how it runs. `why` tells why it cannot run here. */
interface Stage {
  readonly name: string
  readonly why?: string
  /** Begins, before any stage runs, with what takes long and disturbs no other stage. */
  prepare?(): void
  run(): Promise<StageResult>
}

/** By convention the tests that start real daemons or guests; they run one file at a time. */
const REAL = ['lab/**/*.test.ts', 'src/**/real.test.ts']
/** Of these the ones that boot a guest again and again: minutes, told apart so that each has a time limit of its own. */
const KILLS = ['lab/kills/**/*.test.ts']
/** Those that share one real cloud: against its services, and with guests on its volumes. */
const CLOUD = ['lab/openstack/**/*.test.ts']
const CLOUD_GUESTS = ['lab/native-cloud/**/*.test.ts']
/** Beside the code, but on real devices or daemons of this machine: by convention named so. */
const ROOT = ['src/**/*-root.test.ts']
const UNIT_LIMIT_MS = 120_000
const LIMIT_MS = 600_000
const KILLS_LIMIT_MS = 1_200_000
const UNIT = ['src/**/*.test.ts']
const HERE = ['{src,test,tools,bench}/**/*.test.{ts,mjs}']

async function main([scope, ...given]: readonly string[]): Promise<number> {
  if (scope !== 'all' && scope !== 'unit') return tellUsage(64)
  const wanted = await filesOf(given.map(path => relative(CLONE, path)))
  const stages = await (scope === 'unit' ? unitStages(wanted) : allStages(wanted))
  if (stages.length > 0 && (given.length === 0 || wanted.length > 0)) return await runStages(stages)
  process.stderr.write(`none of these is a test file: ${given.join(' ')}\n`)
  return 64
}

function tellUsage(exitCode: number): number {
  process.stderr.write(USAGE)
  return exitCode
}

async function unitStages(wanted: readonly string[]): Promise<readonly Stage[]> {
  const files = chosen(await filesHere(UNIT, [...REAL, ...ROOT]), wanted)
  return files.length === 0 ? [] : [{ name: 'unit', run: () => runFiles(files, { timeoutMs: UNIT_LIMIT_MS }) }]
}

/** All of them, or those that hold one of the wanted files. */
async function allStages(wanted: readonly string[]): Promise<readonly Stage[]> {
  const here = chosen(await filesHere(HERE, REAL), wanted)
  const lab = chosen(await filesHere(REAL, [...KILLS, ...CLOUD, ...CLOUD_GUESTS]), wanted)
  const kills = chosen(await filesHere(KILLS, []), wanted)
  const guests = await Promise.all(
    SUITES.map(async suite => ({ suite, files: chosen(await filesOf(suite.tests), wanted) })),
  )
  const root = process.getuid?.() === 0 ? {} : { why: 'the lab needs root' }
  const tools: readonly Stage[] = [
    { name: 'biome', run: () => runTool('biome', ['check', '.']) },
    { name: 'types', run: () => runTool('tsc', ['--noEmit']) },
  ]
  return [
    ...(wanted.length === 0 ? tools : []),
    ...(here.length > 0 ? [{ name: 'tests', run: () => runFiles(here, { timeoutMs: LIMIT_MS }) }] : []),
    ...(await cloudStages(wanted)).map(stage => ({ ...stage, ...root })),
    ...(lab.length > 0
      ? [{ name: 'lab', ...root, run: () => runFiles(lab, { timeoutMs: LIMIT_MS, concurrency: 1 }) }]
      : []),
    ...(kills.length > 0
      ? [{ name: 'lab kills', ...root, run: () => runFiles(kills, { timeoutMs: killsLimitMs(), concurrency: 1 }) }]
      : []),
    ...guests
      .filter(({ files }) => files.length > 0)
      .map(({ suite, files }) => ({ name: `lab ${suite.name}`, ...root, run: () => runGuest(suite, files) })),
  ]
}

async function cloudStages(wanted: readonly string[]): Promise<readonly Stage[]> {
  const services = chosen(await filesHere(CLOUD, []), wanted)
  const guests = chosen(await filesHere(CLOUD_GUESTS, []), wanted)
  if (services.length + guests.length === 0) return []
  const stage = cloudStage([
    { files: services, timeoutMs: LIMIT_MS, concurrency: 2 },
    { files: guests, timeoutMs: LIMIT_MS, concurrency: 1 },
  ])
  return [{ name: 'lab cloud', ...stage }]
}

/** Whoever asks for more power cuts gives them time: one takes 10 s, or 25 with a real libvirt. */
const killsLimitMs = (): number => KILLS_LIMIT_MS + Number(process.env.HOLDFAST_KILLS ?? 0) * 60_000

/** Files that match, but for those that match `without` or run in a lab guest only. */
const filesHere = async (globs: readonly string[], without: readonly string[]): Promise<readonly string[]> =>
  (await filesOf(globs)).filter(file => ![...without, ...LAB_ONLY].some(pattern => matchesGlob(file, pattern)))

const chosen = (files: readonly string[], wanted: readonly string[]): readonly string[] =>
  wanted.length === 0 ? files : files.filter(file => wanted.includes(file))

/** Runs them one after the other, all of them whatever fails, and says at the end how it went. */
async function runStages(stages: readonly Stage[]): Promise<number> {
  const totals = { passed: 0, failed: 0 }
  const skips: string[] = []
  for (const stage of stages) if (stage.why === undefined) stage.prepare?.()
  for (const stage of stages) {
    if (stage.why !== undefined) {
      skips.push(`${stage.name}: ${stage.why}`)
      continue
    }
    const start = Date.now()
    const { report, detail } = await stage.run()
    totals.passed += report.passed
    totals.failed += report.failures.length
    skips.push(...report.skips.map(line => `${line.name} (${line.file}): ${line.reason}`))
    tell(stage.name, (Date.now() - start) / 1000, report.passed, report.failures, detail)
  }
  return sumUp(totals, skips)
}

function tell(name: string, seconds: number, passed: number, failures: readonly TestLine[], detail: string): void {
  const failed = failures.length > 0 ? `, ${failures.length} failed` : ''
  print(`${name.padEnd(12)}${seconds.toFixed(1).padStart(7)} s   ${passed} passed${failed}`)
  for (const { name: test, file, line, reason } of failures) {
    print(`\n  FAILED ${test}${file === '' ? '' : ` (${file}:${line})`}\n${indented(reason ?? '')}`)
  }
  if (failures.length > 0 && detail.trim() !== '') print(`\n  Output of ${name}:\n${indented(shortened(detail))}\n`)
}

/** In CI nothing may be skipped: there each skip is a failure. */
function sumUp({ passed, failed }: { passed: number; failed: number }, skips: readonly string[]): number {
  const inCi = process.env.CI === 'true'
  if (skips.length > 0)
    print(`\nskipped${inCi ? ', which in CI is a failure' : ''}:\n${skips.map(skip => `  ${skip}`).join('\n')}`)
  const allFailed = failed + (inCi ? skips.length : 0)
  print(`\n${passed} passed, ${allFailed} failed`)
  return allFailed > 0 || passed === 0 ? 1 : 0
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

const shortened = (text: string): string => {
  const lines = text.split('\n')
  return lines.length <= 200 ? text : [...lines.slice(0, 160), '[…]', ...lines.slice(-40)].join('\n')
}

const indented = (text: string): string => text.trimEnd().replace(/^/gm, '    ')

process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.once('SIGHUP', () => process.exit(129))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', default: false } },
})
process.exitCode = values.help ? tellUsage(0) : await main(positionals)
