import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CATALOGUE } from './catalogue.ts'
import type { PairRow, Row } from './explore.ts'
import { MECHANISMS } from './scene.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** The whole exploration has to be done in this time. */
const LIMIT_MS = 360_000

describe('npm run crash', () => {
  it('explores everything, and finds nothing', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-crash-'))
    try {
      const json = join(directory, 'report.json')
      const { stdout } = await promisify(execFile)(process.execPath, [MAIN, '--json', json], { timeout: LIMIT_MS })
      assert.match(stdout, /^No violation\.$/m)
      const report: { rows: readonly Row[]; pairs: readonly PairRow[] } = JSON.parse(readFileSync(json, 'utf8'))
      const wanted = CATALOGUE.flatMap(({ name, mechanisms = MECHANISMS }) =>
        mechanisms.map(each => `${name}, ${each}`),
      )
      assert.deepEqual(
        report.rows.map(({ operation, mechanism }) => `${operation}, ${mechanism}`).sort(),
        wanted.sort(),
      )
      const empty = report.rows.filter(row => row.points * row.secondPoints * row.states * row.faults === 0)
      assert.deepEqual(empty, [])
      assert.ok(report.pairs.every(({ pairs, points }) => points > pairs))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('refuses an operation that it does not know', async () => {
    const run = promisify(execFile)(process.execPath, [MAIN, '--only', 'attach, somehow'])
    await assert.rejects(run, { code: 64, stderr: /operations: create; start; stop/ })
  })
})
