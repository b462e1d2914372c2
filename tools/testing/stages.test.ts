import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runFiles, runTool } from './stages.ts'

const SPINS = `import { test } from 'node:test'
  test('spins', () => { for (;;); })`
const PASSES = `import { test } from 'node:test'
  test('passes', () => {})`

async function runSources(timeoutMs: number, ...sources: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-stages-'))
  // A test run inside a test run would report to the outer one.
  const { NODE_TEST_CONTEXT } = process.env
  delete process.env.NODE_TEST_CONTEXT
  try {
    const files = sources.map((_, index) => join(folder, `${index}.test.mjs`))
    await Promise.all(files.map((file, index) => writeFile(file, sources[index] ?? '')))
    return await runFiles(files, { timeoutMs, concurrency: 1 })
  } finally {
    if (NODE_TEST_CONTEXT !== undefined) process.env.NODE_TEST_CONTEXT = NODE_TEST_CONTEXT
    await rm(folder, { recursive: true })
  }
}

test('a test that spins for ever ends the run at its limit, as a failure that keeps what had passed', {
  timeout: 60_000,
}, async () => {
  const { report, detail } = await runSources(3000, PASSES, SPINS)

  assert.equal(report.passed, 1)
  assert.equal(report.failures.length, 1)
  assert.match(detail, /not done within 3 s/)
})

test('a tool that says no is one failed test with its output', async () => {
  const { report, detail } = await runTool('tsc', ['--no-such-option'])

  assert.equal(report.failures.length, 1)
  assert.match(detail, /no-such-option/)
})
