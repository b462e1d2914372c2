import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { runSuite } from '#lab/uml/run-suite.ts'
import type { Suite } from '#lab/uml/suites.ts'
import { CLONE } from '#lab/uml/uml.ts'
import { judge, readReport, type TestReport } from './report.ts'

/** One part of a test run. `detail` is what a person wants to read if it failed. */
export interface StageResult {
  readonly report: TestReport
  readonly detail: string
}

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url))
const TOOL_LIMIT_MS = 120_000

/** A tool that only says yes or no counts as one test. */
export async function runTool(name: string, args: readonly string[]): Promise<StageResult> {
  const { exitCode, output } = await run(join(CLONE, 'node_modules', '.bin', name), args, TOOL_LIMIT_MS)
  const line = { name: [name, ...args].join(' '), file: '', line: 0, ms: 0 }
  const outcome = exitCode === 0 ? 'passed' : 'failed'
  return { report: judge([{ ...line, outcome, reason: `exit code ${exitCode}` }], exitCode), detail: output }
}

export interface FilesOptions {
  /** Of all files together: a test that hangs in a loop is deaf to the runner's own limits. */
  readonly timeoutMs: number
  /** Files at a time; as many as there are processors, unless told. */
  readonly concurrency?: number
  /** Beside our own environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** Test files on this machine's own kernel. */
export async function runFiles(files: readonly string[], options: FilesOptions): Promise<StageResult> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-tests-'))
  try {
    const destination = join(folder, 'report')
    const args = [
      ...['--disable-warning=ExperimentalWarning', '--test'],
      ...[`--test-concurrency=${options.concurrency ?? availableParallelism()}`],
      ...[`--test-reporter=${REPORTER}`, `--test-reporter-destination=${destination}`],
      ...files,
    ]
    const { exitCode, output } = await run(process.execPath, args, options.timeoutMs, options.env)
    return { report: await readReport(destination, exitCode), detail: output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Test files inside one lab guest. */
export async function runGuest(suite: Suite, files: readonly string[]): Promise<StageResult> {
  const { guest, report } = await runSuite(suite, { files })
  const detail = guest.ended === 'by-itself' ? guest.stderr : `${guest.ended}\n${guest.stderr}\n${guest.console}`
  return { report, detail }
}

/** Runs a program in a process group of its own, which ends with it, at the time limit, or with us. */
async function run(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  more: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number; output: string }> {
  const PATH = `${join(CLONE, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`
  const env = { ...process.env, ...more, PATH }
  const child = spawn(program, args, { cwd: CLONE, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => endGroup(child.pid)
  let limit = ''
  const timer = setTimeout(() => {
    limit = `\nnot done within ${timeoutMs / 1000} s, and ended\n`
    kill()
  }, timeoutMs)
  process.once('exit', kill)
  try {
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve(code ?? 1))
    })
    const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    return { exitCode, output: stdout + stderr + limit }
  } finally {
    clearTimeout(timer)
    process.off('exit', kill)
    kill()
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // All of it is gone already.
  }
}
