import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { judge, parseLines, readReport } from './report.ts'

const REPORTER = fileURLToPath(new URL('./reporter.ts', import.meta.url))

const SAMPLE = `
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
describe('outer', () => {
  it('passes', () => {})
  it('fails', () => assert.equal(1, 2, 'one is not two'))
  it('is skipped', { skip: 'needs a moon' }, () => {})
})
describe('broken hook', { concurrency: false }, () => {
  it('passes too', () => {})
})
`

async function reportOf(source: string) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-report-'))
  try {
    await writeFile(join(folder, 'sample.test.mjs'), source)
    const out = join(folder, 'report')
    const args = ['--test', `--test-reporter=${REPORTER}`, `--test-reporter-destination=${out}`, 'sample.test.mjs']
    // A test run inside a test run would report to the outer one.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const run = spawnSync(process.execPath, args, { cwd: folder, env })
    return await readReport(out, run.status ?? 1)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('counts what passed, and tells what failed and what was skipped with the reason', async () => {
  const report = await reportOf(SAMPLE)

  assert.equal(report.passed, 2)
  assert.deepEqual(
    report.failures.map(({ name, file }) => [name, file]),
    [['fails', 'sample.test.mjs']],
  )
  assert.match(report.failures[0]?.reason ?? '', /one is not two/)
  assert.deepEqual(
    report.skips.map(({ name, reason }) => [name, reason]),
    [['is skipped', 'needs a moon']],
  )
})

test('a file that cannot be loaded is a failure', async () => {
  const report = await reportOf(`import './not-there.mjs'`)

  assert.equal(report.passed, 0)
  assert.equal(report.failures.length, 1)
})

test('a failing hook is a failure', async () => {
  const report = await reportOf(`import { after, describe, it } from 'node:test'
    describe('d', () => { after(() => { throw new Error('left something behind') }); it('passes', () => {}) })`)

  assert.equal(report.passed, 1)
  assert.match(report.failures[0]?.reason ?? '', /left something behind/)
})

test('a run that died is a failure, whatever its lines say', () => {
  const line = { outcome: 'passed', name: 'n', file: 'f', line: 1, ms: 1 } as const

  assert.equal(judge([line], 0).failures.length, 0)
  assert.equal(judge([line], 137).failures.length, 1)
  assert.equal(judge([], 0).failures.length, 1)
  assert.deepEqual(parseLines(`${JSON.stringify(line)}\n{"outcome":"pas`), [line])
})
