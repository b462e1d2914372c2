import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Misuse, optionsOf } from './random/options.ts'

const PROGRAM = join(import.meta.dirname, 'run.ts')

const run = (...args: string[]) => spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' })

describe('the command line of random runs', () => {
  const wrong: readonly [readonly string[], RegExp][] = [
    [['--seed', 'x'], /--seed must be a whole number from 0 to 2147483647, not 'x'/],
    [['--seed', '-1'], /seed/],
    [['--seed', '2147483648'], /not '2147483648'/],
    [['--steps', '0'], /--steps must be a whole number from 1 to 10000/],
    [['--steps', '1e3'], /not '1e3'/],
    [['--runs', '1.5'], /--runs must be/],
    [['--minutes', '0'], /--minutes must be a number above 0/],
    [['--minutes', 'inf'], /not 'inf'/],
    [['--runs', '2', '--minutes', '1'], /not both/],
    [['--path', '0:1'], /--seed and the --steps/],
    [['--seed', '1', '--steps', '2', '--path', '0:x'], /numbers with colons/],
    [['--seed', '1', '--steps', '2', '--path', '0', '--runs', '2'], /do not go with it/],
    [['--speed'], /--speed/],
    [['7'], /7/],
    [['--json'], /json/],
  ]
  for (const [args, told] of wrong) {
    it(`refuses ${args.join(' ')}`, () => {
      assert.throws(
        () => optionsOf(args),
        (error: unknown) => error instanceof Misuse && told.test(error.message),
      )
    })
  }

  it('has defaults', () => {
    const { seed, steps, runs, minutes } = optionsOf([]) ?? {}
    assert.deepEqual([seed, steps, runs, minutes], [1, 40, 1, undefined])
    assert.equal(optionsOf(['-h']), undefined)
  })

  it('tells a wrong one and how it is used, with exit code 64', () => {
    const { status, stdout, stderr } = run('--steps', 'many')
    assert.deepEqual([status, stdout], [64, ''])
    assert.match(stderr, /^error: --steps must be .*\n\nRandom operations[\s\S]*--json FILE/)
  })

  it('tells a file that cannot be written before anything is run', () => {
    const { status, stderr } = run('--minutes', '60', '--json', join(tmpdir(), 'not', 'there', 'x.json'))
    assert.equal(status, 64)
    assert.match(stderr, /--json cannot be written: ENOENT/)
  })

  it('gives the same log in another process, to the letter, and writes JSON', () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-sim-'))
    try {
      const json = join(folder, 'told.json')
      const [one, other] = [0, 1].map(() => run('--seed', '3', '--steps', '40', '--log', '--json', json))
      const log = (text = '') => text.split('\n').slice(0, -2)
      assert.deepEqual([one?.status, one?.stderr], [0, ''])
      assert.ok(log(one?.stdout).length > 60)
      assert.deepEqual(log(one?.stdout), log(other?.stdout))
      const { well, runs, lastSeed } = JSON.parse(readFileSync(json, 'utf8'))
      assert.deepEqual([well, runs, lastSeed], [true, 1, 3])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
