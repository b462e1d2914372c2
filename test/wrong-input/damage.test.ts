import assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Bench } from './bench.ts'

type Files = readonly { readonly path: string; readonly whole: boolean }[]

async function withVolumes(): Promise<Bench> {
  const bench = await Bench.open()
  for (const name of ['one', 'two']) await bench.make('volume', 'create', '--size', '1', name)
  return bench
}

const database = (bench: Bench) => join(bench.state, 'volumes/volumes.db')

/** One bit of the first place where this text stands. */
function turnBit(path: string, text: string): void {
  const bytes = readFileSync(path)
  const at = bytes.indexOf(text)
  assert.ok(at > 0)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

function setByte(path: string, at: number, value: number): void {
  const bytes = readFileSync(path)
  bytes[at] = value
  writeFileSync(path, bytes)
}

const names = async (bench: Bench) =>
  (await bench.ok<{ name: string }[]>('volume', 'list')).map(({ name }) => name).toSorted()

const REFUSAL = {
  code: 'state-corrupt',
  exit: 15,
  says: [/volume database .*volumes\.db/],
  hint: /holdfast state restore/,
}

describe('records that the disk has damaged', () => {
  for (const [how, damage] of [
    ['a bit turned in a row', (path: string) => turnBit(path, 'available')],
    ['the file is cut off', (path: string) => truncateSync(path, 5000)],
    ['the file is empty', (path: string) => truncateSync(path, 0)],
    ['the number of the schema is negative', (path: string) => setByte(path, 60, 255)],
    ['the beginning is gone', (path: string) => turnBit(path, 'QLite format')],
  ] as const) {
    it(`${how}: refused, restored from the newest backup, and what was there kept`, async () => {
      await using bench = await withVolumes()
      damage(database(bench))
      const damaged = readFileSync(database(bench))
      await bench.fails(['volume', 'list'], REFUSAL)
      await bench.fails(['volume', 'create', '--size', '1', 'three'], REFUSAL)
      assert.deepEqual(readFileSync(database(bench)), damaged)
      const { code, stdout } = await bench.run('state', 'check', '--json')
      assert.equal(code, 15)
      assert.deepEqual(
        (JSON.parse(stdout) as Files).map(({ path, whole }) => [path === database(bench), whole]),
        [
          [false, false],
          [true, false],
        ],
      )
      const [{ from } = { from: '' }] = await bench.ok<{ from: string }[]>('state', 'restore', '--yes')
      assert.match(from, /backups\/volumes-\d{8}T\d{9}\.db$/)
      assert.deepEqual(await names(bench), ['one', 'two'])
      const [aside] = readdirSync(join(bench.state, 'volumes')).filter(name =>
        /^volumes\.db\.damaged-\d+T\d+$/.test(name),
      )
      assert.deepEqual(readFileSync(join(bench.state, 'volumes', aside ?? '')), damaged)
      await bench.make('volume', 'create', '--size', '1', 'three')
      assert.deepEqual(await names(bench), ['one', 'three', 'two'])
    })
  }

  it('a damaged backup is passed over, and one that is named is refused', async () => {
    await using bench = await withVolumes()
    const [newest, older] = await bench.ok<{ path: string; whole: boolean }[]>('state', 'backups')
    assert.ok(newest && older)
    turnBit(newest.path, 'available')
    turnBit(database(bench), 'available')
    const after = await bench.ok<{ whole: boolean }[]>('state', 'backups')
    assert.deepEqual(
      after.map(({ whole }) => whole),
      [false, true],
    )
    await bench.fails(['state', 'restore', newest.path, '--yes'], { ...REFUSAL, says: [newest.path] })
    await bench.ok('state', 'restore', '--yes')
    assert.deepEqual(await names(bench), ['one'])
  })

  it('nothing is restored without a terminal and without --yes, without damage, or from what is no backup', async () => {
    await using bench = await withVolumes()
    const refused = (args: readonly string[], code: string, exit: number) =>
      bench.refuses(['state', 'restore', ...args], { code, exit, says: [] })
    await refused([], 'not-confirmed', 2)
    await refused(['--yes'], 'state-not-damaged', 5)
    await refused(['nope', '--yes'], 'backup-not-found', 3)
    assert.equal((await bench.run('state', 'restore', '--dry-run')).code, 5)
    const [, older] = await bench.ok<{ path: string }[]>('state', 'backups')
    await bench.ok('state', 'restore', older?.path ?? '', '--yes')
    assert.deepEqual(await names(bench), ['one'])
  })

  it('the newest eight backups are kept', async () => {
    await using bench = await withVolumes()
    for (let n = 0; n < 9; n++) await bench.make('volume', 'create', '--size', '1', `more-${n}`)
    assert.equal((await bench.ok<unknown[]>('state', 'backups')).length, 8)
    await bench.ok('volume', 'list')
    assert.equal((await bench.ok<unknown[]>('state', 'backups')).length, 8)
  })
})
