import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { listBackups, restoreBackup } from '#src/host/sqlite/backup.ts'
import { entry, instance, mapping, operation } from '../conformance-rows.ts'
import { openSqliteStore } from './open.ts'
import { stateDatabase } from './schema.ts'

const DAY = 86_400_000
const NOON = Date.UTC(2026, 10, 23, 12)

describe('backups of the state database', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-backup-'))
    path = join(folder, 'holdfast.db')
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const backups = () => listBackups(stateDatabase(path))

  it('have what is in use: not what has ended; nothing is copied where nothing changed', async () => {
    const store = await openSqliteStore({ path })
    await store.commit([
      { put: 'instance', row: instance(1) },
      { put: 'mapping', row: mapping(1, 1, 'vda') },
      { put: 'operation', row: operation(1) },
      { put: 'operation', row: { ...operation(2), state: 'done' } },
      { put: 'entry', row: entry(1, 1, 'started') },
      { put: 'entry', row: entry(2, 1, 'started') },
    ])
    await store.backUp(NOON)
    await store.backUp(NOON + 1)
    await store.close()
    const [backup, ...more] = backups()
    assert.ok(backup)
    assert.deepEqual(more, [])
    assert.equal(backup.madeAt, NOON)
    assert.equal(statSync(backup.path).mode & 0o777, 0o600)
    rmSync(path)
    assert.equal(restoreBackup(backup.path, stateDatabase(path), NOON), undefined)
    const restored = await openSqliteStore({ path })
    assert.deepEqual(await restored.instances(), [instance(1)])
    assert.deepEqual(await restored.allMappings(), [mapping(1, 1, 'vda')])
    assert.deepEqual(await restored.operations({}), [operation(1)])
    assert.deepEqual(await restored.entries(operation(1).id), [entry(1, 1, 'started')])
    assert.deepEqual(await restored.entries(operation(2).id), [])
    await restored.close()
  })

  it('are the newest eight, and the last of each of seven days', async () => {
    const store = await openSqliteStore({ path })
    for (let day = 0; day < 10; day++) {
      for (let n = 0; n < 3; n++) {
        await store.commit([{ put: 'instance', row: instance(day * 3 + n) }])
        await store.backUp(NOON + day * DAY + n)
      }
    }
    await store.close()
    const kept = backups().map(({ madeAt }) => [(madeAt - NOON - ((madeAt - NOON) % DAY)) / DAY, (madeAt - NOON) % DAY])
    assert.deepEqual(kept, [
      [9, 2],
      [9, 1],
      [9, 0],
      [8, 2],
      [8, 1],
      [8, 0],
      [7, 2],
      [7, 1],
      [6, 2],
      [5, 2],
      [4, 2],
      [3, 2],
    ])
  })

  it('leave nothing half made behind, and take no good one away, where there is no room', async () => {
    const store = await openSqliteStore({ path })
    await store.commit([{ put: 'instance', row: instance(1) }])
    await store.backUp(NOON)
    await store.commit([{ put: 'instance', row: instance(2) }])
    // A folder is in the way of the next one.
    const { mkdirSync } = await import('node:fs')
    mkdirSync(join(folder, 'backups', 'holdfast-20261123T120000001.db.part', 'x'), { recursive: true })
    await assert.rejects(store.backUp(NOON + 1))
    assert.deepEqual(
      backups().map(({ madeAt }) => madeAt),
      [NOON],
    )
    await store.commit([{ put: 'instance', row: instance(3) }])
    await store.backUp(NOON + 2)
    assert.equal(backups().length, 2)
    await store.close()
    assert.deepEqual(readdirSync(join(folder, 'backups')).length, 3)
  })
})
