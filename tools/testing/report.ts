import { readFile } from 'node:fs/promises'

/** One line of a report. */
export interface TestLine {
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly name: string
  /** Relative to the folder that the tests ran in. */
  readonly file: string
  readonly line: number
  readonly ms: number
  /** Why it was skipped, or the error that it failed with. */
  readonly reason?: string
}

export interface TestReport {
  readonly passed: number
  readonly failures: readonly TestLine[]
  readonly skips: readonly TestLine[]
}

/**
 * What the reporter wrote to this file. A run that says it failed while no test did, or that held no test at all, is a
 * failure too: a report never looks better than the run was.
 */
export async function readReport(path: string, exitCode: number): Promise<TestReport> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return judge(parseLines(text), exitCode)
}

/** Complete lines only: a run that was killed may have cut the last. */
export function parseLines(text: string): readonly TestLine[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as TestLine)
}

export function judge(lines: readonly TestLine[], exitCode: number): TestReport {
  const failures = lines.filter(line => line.outcome === 'failed')
  const extra = runFailure(lines.length, failures.length, exitCode)
  return {
    passed: lines.filter(line => line.outcome === 'passed').length,
    failures: extra === undefined ? failures : [...failures, extra],
    skips: lines.filter(line => line.outcome === 'skipped'),
  }
}

function runFailure(tests: number, failed: number, exitCode: number): TestLine | undefined {
  if (exitCode !== 0 && failed === 0)
    return runLine(`the test run ended with exit code ${exitCode} though no test failed`)
  return tests === 0 ? runLine('no test ran') : undefined
}

const runLine = (reason: string): TestLine => ({
  outcome: 'failed',
  name: 'the test run',
  file: '',
  line: 0,
  ms: 0,
  reason,
})
