import assert from 'node:assert/strict'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { defineRowSum } from '#src/host/sqlite/sums.ts'
import { refused } from '../conformance-fixture.ts'
import { Database } from './database.ts'
import { MIGRATIONS } from './schema.ts'
import { LocalBench } from './testing.ts'

const file = (bench: LocalBench) => join(bench.directory, 'volumes.db')

function inside(bench: LocalBench, sql: string): void {
  const db = new DatabaseSync(file(bench))
  defineRowSum(db)
  db.exec(sql)
  db.close()
}

describe('the volume database', () => {
  it('is private, keeps what it was told, and survives being opened again', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const volume = await service.create({ size: 1, name: 'kept' })
    assert.equal((await stat(file(bench))).mode & 0o777, 0o600)
    assert.equal((await stat(join(bench.directory, 'pool'))).mode & 0o777, 0o711)
    assert.equal((await stat(bench.path(volume.id))).mode & 0o777, 0o600)
    service.close()
    assert.deepEqual(await (await bench.open()).service.get(volume.id), volume)
  })

  it('can be read beside a process that writes, and shows what that has done', async () => {
    await using bench = await LocalBench.make()
    const { service: writer } = await bench.open()
    const { service: reader } = await bench.open({ readOnly: true })
    const volume = await writer.create({ size: 1 })
    assert.deepEqual(await reader.getAll(), [volume])
    await refused(reader.create({ size: 1 }), 'forbidden', 'forbidden')
    await refused(reader.reserveVolume(volume.id), 'forbidden', 'forbidden')
    assert.deepEqual(await writer.getAll(), [volume])
    assert.deepEqual(await bench.pool(), [`volume-${volume.id}`])
  })

  it('that is not there yet reads as an empty one, and is not made by reading', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open({ readOnly: true })
    assert.deepEqual(await service.getAll(), [])
    await assert.rejects(stat(file(bench)), /ENOENT/)
  })

  it('leaves what another process is about to do alone when it is opened to read', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const { id } = await service.create({ size: 1 })
    inside(bench, `UPDATE volumes SET status = 'deleting' WHERE id = '${id}'`)
    const { service: reader, recovered } = await bench.open({ readOnly: true })
    assert.deepEqual([recovered, (await reader.get(id)).status], [[], 'deleting'])
  })

  it('of a newer version is refused and left as it is', async () => {
    await using bench = await LocalBench.make()
    ;(await bench.open()).service.close()
    inside(bench, `PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    for (const readOnly of [true, false]) {
      await refused(
        bench.open({ readOnly }),
        'unsupported',
        'state-newer',
        new RegExp(`schema ${MIGRATIONS.length + 1}`),
      )
    }
  })

  it('that is damaged, none, or of somebody else is refused', async () => {
    await using bench = await LocalBench.make()
    await writeFile(file(bench), 'this is no database, whatever its name says. '.repeat(100))
    await refused(bench.open(), 'corrupt', 'state-corrupt')
    await rm(file(bench))
    inside(bench, 'CREATE TABLE theirs (id)')
    await refused(bench.open(), 'corrupt', 'state-corrupt', /not one of Holdfast/)
    await rm(file(bench))
    await mkdir(file(bench))
    await refused(bench.open(), 'forbidden', 'forbidden')
  })

  it('with a row that makes no sense tells which', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const { id } = await service.create({ size: 1 })
    for (const [column, value] of [
      ['status', "'flying'"],
      ['metadata', "'['"],
      ['metadata', "'[1]'"],
    ]) {
      inside(bench, `UPDATE volumes SET status = 'available', metadata = '{}'; UPDATE volumes SET ${column} = ${value}`)
      await refused(service.get(id), 'corrupt', 'state-corrupt', new RegExp(`column ${column} of row ${id}`))
    }
  })

  it('that is full says no-space and has changed nothing', async () => {
    await using bench = await LocalBench.make()
    ;(await bench.open()).service.close()
    const db = new DatabaseSync(file(bench))
    defineRowSum(db)
    db.exec('PRAGMA max_page_count = 1')
    const database = new Database(db, file(bench))
    const fill = () =>
      database.transaction(() => {
        for (let row = 0; row < 1000; row++) {
          const values = { id: String(row), name: 'n'.repeat(500) + row }
          database.run('INSERT INTO volume_types (id, name, multiattach) VALUES (:id, :name, 0)', values)
        }
      })
    await refused(Promise.resolve().then(fill), 'no-space', 'no-space')
    assert.equal(database.get('SELECT COUNT(*) AS n FROM volume_types')?.integer('n'), 0)
    database.close()
  })

  it('is on the disk when a verb returns', async () => {
    await using bench = await LocalBench.make()
    ;(await bench.open()).service.close()
    const db = new DatabaseSync(file(bench))
    assert.equal(db.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
    db.close()
  })

  it('in a directory that is not there says so', async () => {
    await using bench = await LocalBench.make()
    await refused(bench.open({ directory: join(bench.folder, 'nowhere') }), 'forbidden', 'forbidden', /nowhere/)
  })
})
