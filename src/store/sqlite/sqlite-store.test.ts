import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { migrate } from '#src/host/sqlite/migrate.ts'
import { defineRowSum } from '#src/host/sqlite/sums.ts'
import { storeConformance } from '../conformance.ts'
import type { InstanceRecord } from '../records.ts'
import { openSqliteStore } from './open.ts'
import { stateDatabase } from './schema.ts'
import { SqliteStore } from './sqlite-store.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'holdfast-store-'))

const INSTANCE: InstanceRecord = {
  id: '00000000-0000-4000-8000-000000000001',
  name: 'one',
  availabilityZone: 'nova',
  memoryMib: 512,
  cpus: 1,
  interfaces: [],
  status: 'BUILD',
  wanted: 'running',
  priority: 0,
  createdAt: 1,
  version: 1,
}

storeConformance('SqliteStore', async () => {
  const directory = scratch()
  const path = join(directory, 'state.db')
  await (await openSqliteStore({ path })).close()
  const db = new DatabaseSync(path)
  defineRowSum(db)
  db.exec('PRAGMA synchronous = FULL')
  const store = new SqliteStore(db, path)
  return {
    store,
    afterDeath: async () => await openSqliteStore({ path }),
    // SQLite gives SQLITE_FULL at the page limit as it does for ENOSPC.
    fillDisk: async () => db.exec('PRAGMA max_page_count = 1'),
    freeDisk: async () => db.exec('PRAGMA max_page_count = 1000000'),
    dispose: async () => {
      await store.close()
      rmSync(directory, { recursive: true })
    },
  }
})

describe('openSqliteStore', () => {
  let directory: string
  let path: string
  beforeEach(() => {
    directory = scratch()
    path = join(directory, 'state.db')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const rejected = async (code: string, readOnly = false) =>
    await assert.rejects(openSqliteStore({ path, readOnly }), error => hasCode(error, code))
  const sql = (text: string) => {
    const db = new DatabaseSync(path)
    defineRowSum(db)
    db.exec(text)
    db.close()
  }

  it('keeps its files from other users', async () => {
    const store = await openSqliteStore({ path })
    await store.commit([{ put: 'instance', row: INSTANCE }])
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o777, 0o600, file)
    await store.close()
  })

  it('reads a live database beside the process that writes it, and sees each commit', async () => {
    const writer = await openSqliteStore({ path })
    const reader = await openSqliteStore({ path, readOnly: true })
    assert.deepEqual(await reader.instances(), [])
    await writer.commit([{ put: 'instance', row: INSTANCE }])
    assert.deepEqual(await reader.instances(), [INSTANCE])
    await assert.rejects(reader.commit([{ remove: 'instance', id: INSTANCE.id }]), e => hasCode(e, 'forbidden'))
    await writer.close()
    assert.deepEqual(await reader.instances(), [INSTANCE])
    await reader.close()
  })

  it('reads what is not there yet as empty, and makes nothing', async () => {
    const reader = await openSqliteStore({ path, readOnly: true })
    assert.deepEqual(await reader.instances(), [])
    assert.deepEqual(await reader.operations({}), [])
    await assert.rejects(reader.commit([{ put: 'instance', row: INSTANCE }]), e => hasCode(e, 'forbidden'))
    await reader.close()
    assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
    writeFileSync(path, '')
    assert.deepEqual(await (await openSqliteStore({ path, readOnly: true })).instances(), [])
  })

  it('refuses a database of a newer Holdfast and leaves it alone', async () => {
    await (await openSqliteStore({ path })).close()
    sql('PRAGMA user_version = 99')
    await rejected('state-newer')
    await rejected('state-newer', true)
  })

  it('says that another process holds it', async () => {
    const store = await openSqliteStore({ path })
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await assert.rejects(store.commit([{ put: 'instance', row: INSTANCE }]), error => hasCode(error, 'busy'))
    await (await openSqliteStore({ path })).close()
    other.exec('COMMIT')
    other.close()
    await store.commit([{ put: 'instance', row: INSTANCE }])
    await store.close()
  })

  it('has every commit that was answered for after its process was killed (I4)', async () => {
    const program = `
      import { openSqliteStore } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)}
      const store = await openSqliteStore({ path: ${JSON.stringify(path)} })
      for (let n = 0; ; n++) {
        await store.commit([{ put: 'instance', row: { ...${JSON.stringify(INSTANCE)}, id: 'i' + n, name: 'n' + n } }])
        process.stdout.write(n + '\\n')
      }`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let answered = ''
    for await (const chunk of child.stdout) {
      answered += chunk
      if (answered.split('\n').length > 20) child.kill('SIGKILL')
    }
    const last = Number(answered.trimEnd().split('\n').at(-1))
    const reader = await openSqliteStore({ path, readOnly: true })
    const store = await openSqliteStore({ path })
    for (const one of [reader, store]) {
      assert.ok(last >= 19)
      assert.ok((await one.instances()).length > last)
      await one.close()
    }
  })

  it('goes on after a commit that only a defect can ask for', async () => {
    const store = await openSqliteStore({ path })
    const bad = { ...INSTANCE, cpus: 'two' as unknown as number }
    await assert.rejects(store.commit([{ put: 'instance', row: bad }]), error => hasCode(error, 'internal'))
    await store.commit([{ put: 'instance', row: INSTANCE }])
    assert.deepEqual(await store.instances(), [INSTANCE])
    await store.close()
  })

  it('names table, row and column of a malformed value', async () => {
    const store = await openSqliteStore({ path })
    await store.commit([{ put: 'instance', row: INSTANCE }])
    const bad = [
      '{',
      '[{}]',
      '{}',
      `[{"portId":"p","bridge":"b","mac":"m","tap":"t","more":1}]`,
      `[{"portId":1,"bridge":"b","mac":"m","tap":"t"}]`,
    ]
    for (const value of bad) {
      sql(`UPDATE instances SET interfaces = '${value}'`)
      await assert.rejects(store.instances(), error => {
        assert.ok(hasCode(error, 'state-corrupt'))
        assert.match(String(error), /table instances, row 00000000-0000-4000-8000-000000000001: interfaces/)
        return true
      })
    }
    sql(`UPDATE instances SET interfaces = '[]', status = 'ASLEEP'`)
    await assert.rejects(store.instances(), /status is not one of/)
    await store.close()
  })

  it('forgets old finished operations beyond those to keep', async () => {
    const store = await openSqliteStore({ path })
    const row = (n: number, state: 'done' | 'stuck') =>
      ({
        id: `op-${n}`,
        kind: 'start',
        instanceId: 'i',
        instanceName: 'i',
        state,
        bootId: 'b',
        startedAt: n,
        finishedAt: n,
        version: 1,
      }) as const
    for (let n = 1; n <= 6; n++) await store.commit([{ put: 'operation', row: row(n, n === 2 ? 'stuck' : 'done') }])
    await store.commit([
      { put: 'entry', row: { operationId: 'op-1', step: 1, event: 'started', action: 'a', subject: 's', at: 1 } },
    ])
    assert.equal(await store.prune({ before: 5, keep: 3 }), 2)
    assert.deepEqual(
      (await store.operations({})).map(({ id }) => id),
      ['op-6', 'op-5', 'op-4', 'op-2'],
    )
    assert.deepEqual(await store.entries('op-1'), [])
    await store.close()
  })
})

describe('the schema', () => {
  it('answers every query of a long history along an index', () => {
    const db = new DatabaseSync(':memory:')
    defineRowSum(db)
    migrate(db, stateDatabase(':memory:'))
    const plans = [
      'SELECT * FROM operations WHERE state = ? ORDER BY rowid DESC LIMIT ?',
      'SELECT * FROM operations WHERE state = ? AND instance_id = ? ORDER BY rowid DESC LIMIT ?',
      'SELECT 1 FROM operations WHERE finished_at < ? LIMIT 1',
      'SELECT * FROM block_device_mappings WHERE volume_id = ? ORDER BY instance_id',
      'SELECT * FROM block_device_mappings WHERE instance_id = ?',
      'SELECT * FROM journal_entries WHERE operation_id = ? AND step = ? ORDER BY sequence DESC LIMIT 1',
    ]
    for (const sql of plans) {
      const [first, ...more] = db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => String(detail))
      assert.match(first ?? '', /^SEARCH/, sql)
      if (sql.includes('LIMIT')) assert.deepEqual(more, [], sql)
    }
    db.close()
  })
})
