import { glob, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readReport, type TestReport } from '../../tools/testing/report.ts'
import type { Suite } from './suites.ts'
import { CLONE, runInUml, type UmlRequest, type UmlResult } from './uml.ts'

export interface SuiteResult {
  readonly guest: UmlResult
  readonly report: TestReport
}

export interface SuiteOptions {
  /** Files to run in place of the suite's own. */
  readonly files?: readonly string[]
  readonly live?: UmlRequest['live']
}

/** Boots one guest, runs a suite's test files in it one after the other, and reads what they reported. */
export async function runSuite(suite: Suite, options: SuiteOptions = {}): Promise<SuiteResult> {
  const resultsDir = await mkdtemp(join(tmpdir(), 'holdfast-suite-'))
  try {
    const guest = await runInUml({
      argv: testCommand(options.files ?? (await filesOf(suite.tests))),
      env: guestEnvironment(),
      memoryMib: suite.memoryMib,
      modules: suite.modules,
      udev: suite.udev,
      timeoutMs: suite.timeoutMs,
      resultsDir,
      ...(options.live === undefined ? {} : { live: options.live }),
    })
    return { guest, report: await readReport(join(resultsDir, 'report'), guest.exitCode) }
  } finally {
    await rm(resultsDir, { recursive: true, force: true })
  }
}

/** Files of the clone that match one of these globs, in a fixed order. */
export async function filesOf(globs: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>()
  for await (const file of glob(globs, { cwd: CLONE })) found.add(file)
  return [...found].sort()
}

/** One file at a time: the guest has one processor, and the files share its kernel. */
const testCommand = (files: readonly string[]): readonly string[] => [
  process.execPath,
  ...['--test', '--test-concurrency=1'],
  ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
  ...[`--test-reporter=${join(CLONE, 'tools/testing/reporter.ts')}`, '--test-reporter-destination=/results/report'],
  ...files,
]

function guestEnvironment(): Record<string, string> {
  const { CI } = process.env
  return { FORCE_COLOR: '0', ...(CI === undefined ? {} : { CI }) }
}
