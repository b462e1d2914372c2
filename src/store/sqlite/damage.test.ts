import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { entry, FULL_INSTANCE, instance, mapping, operation } from '../conformance-rows.ts'
import { openSqliteStore } from './open.ts'
import type { SqliteStore } from './sqlite-store.ts'

/** Every so many bytes one bit is turned; `HOLDFAST_EVERY_BYTE=1` turns one in each. */
const STRIDE = process.env.HOLDFAST_EVERY_BYTE === '1' ? 1 : 61
const PAGE = 4096

/** Everything that the store knows, as somebody who works with it reads it. */
async function everything(store: SqliteStore): Promise<unknown> {
  const instances = await store.instances()
  const operations = await store.operations({ limit: 1000 })
  return {
    instances,
    one: await Promise.all(instances.map(({ id }) => store.instance(id))),
    mappings: await store.allMappings(),
    own: await Promise.all(instances.map(({ id }) => store.mappings(id))),
    operations,
    unfinished: await store.operations({ states: ['running', 'stuck'] }),
    entries: await Promise.all(operations.map(({ id }) => store.entries(id))),
  }
}

describe('a damaged state database', () => {
  let folder: string
  let whole: string
  let right: unknown
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-damage-'))
    whole = join(folder, 'whole.db')
    const store = await openSqliteStore({ path: whole })
    for (let n = 1; n <= 6; n++) {
      const states = ['running', 'done'] as const
      await store.commit([
        { put: 'instance', row: n === 6 ? FULL_INSTANCE : instance(n) },
        { put: 'mapping', row: mapping(n === 6 ? 7 : n, n, 'vda') },
        { put: 'operation', row: { ...operation(n, n), state: states[n % 2] ?? 'done' } },
        { put: 'entry', row: entry(n, 1, 'started') },
        { put: 'entry', row: entry(n, 1, 'done') },
      ])
    }
    right = await everything(store)
    await store.close()
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Nothing but the truth, or a refusal that says what to do. Gives whether it was refused. */
  async function judge(path: string, what: string, readOnly: boolean): Promise<boolean> {
    let store: SqliteStore | undefined
    try {
      store = await openSqliteStore({ path, readOnly })
      assert.deepEqual(await everything(store), right, what)
      return false
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      assert.ok(error instanceof HoldfastError, `${what}: ${error}`)
      assert.ok(
        ['state-corrupt', 'state-newer', 'state-older'].includes(error.code),
        `${what}: ${error.code}, ${error.message}`,
      )
      assert.ok(error.details.hint, what)
      if (error.code === 'state-corrupt' && !/not one of Holdfast/.test(error.message)) {
        assert.match(error.details.hint, /holdfast state restore/, what)
      }
      return true
    } finally {
      await store?.close().catch(error => assert.ok(hasCode(error, 'state-corrupt'), String(error)))
    }
  }

  it('is read right or refused, whichever bit of it turned', async () => {
    const bytes = readFileSync(whole)
    const path = join(folder, 'turned.db')
    let refusals = 0
    for (let at = 0; at < bytes.length; at += STRIDE) {
      const turned = Buffer.from(bytes)
      turned[at] = (turned[at] ?? 0) ^ (1 << (at % 8))
      for (const readOnly of [false, true]) {
        for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
        writeFileSync(path, turned)
        if (await judge(path, `bit ${at % 8} of byte ${at}, ${readOnly ? 'read' : 'write'}`, readOnly)) refusals++
      }
    }
    assert.ok(refusals > bytes.length / STRIDE / 20, `${refusals} refusals`)
  })

  it('is read right or refused, wherever it was cut off', async () => {
    const size = readFileSync(whole).length
    const path = join(folder, 'cut.db')
    const ends = Array.from({ length: size / PAGE }, (_, page) => [
      page * PAGE,
      page * PAGE + 1,
      page * PAGE + 2048,
    ]).flat()
    for (const end of ends.filter(end => end > 0)) {
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
      copyFileSync(whole, path)
      truncateSync(path, end)
      assert.equal(await judge(path, `cut at ${end}`, false), true, `cut at ${end}`)
    }
  })
})
