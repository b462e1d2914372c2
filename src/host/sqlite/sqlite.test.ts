import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import type { DatabaseDescription } from './description.ts'
import { isConstraint, sqliteError } from './errors.ts'
import { migrate } from './migrate.ts'
import { openSqlite } from './open.ts'
import { SqliteDatabase } from './sqlite-database.ts'

const STEPS = ['CREATE TABLE a (x INTEGER)', 'INSERT INTO a VALUES (1)', 'INSERT INTO a SELECT x + 1 FROM a']

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'))
  path = join(directory, 'test.db')
})
afterEach(() => rmSync(directory, { recursive: true }))

const description = (migrations: readonly string[] = STEPS): DatabaseDescription => ({
  path,
  noun: 'test database',
  restoreHint: 'put it back',
  migrations,
  tables: [],
})

const refused = (work: () => unknown, kind: ErrorKind, code: string, message: RegExp, hint?: string) =>
  assert.throws(work, error => {
    assert.ok(error instanceof HoldfastError)
    assert.deepEqual([error.kind, error.code], [kind, code])
    assert.match(error.message, message)
    if (hint !== undefined) assert.equal(error.details.hint, hint)
    return true
  })

const sql = (text: string) => {
  const db = new DatabaseSync(path)
  db.exec(text)
  db.close()
}

const values = (db: DatabaseSync) =>
  db
    .prepare('SELECT x FROM a ORDER BY x')
    .all()
    .map(({ x }) => x)

describe('openSqlite', () => {
  it("does not write to another program's database", () => {
    sql('CREATE TABLE shopping (item TEXT)')
    const before = readFileSync(path)
    for (const readOnly of [false, true])
      refused(() => openSqlite(description(), readOnly), 'corrupt', 'state-corrupt', /not one of Holdfast/)
    assert.deepEqual(readFileSync(path), before)
  })

  it('makes files that nobody else may read, synced at each commit, foreign keys kept', () => {
    const db = openSqlite(description(), false)
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o777, 0o600, file)
    const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
    assert.deepEqual(['journal_mode', 'synchronous', 'foreign_keys'].map(pragma), ['wal', 2, 1])
    db.close()
  })

  it('reads what is not there yet, or is empty, as an empty one, and makes nothing', () => {
    const absent = openSqlite(description(), true)
    assert.deepEqual(values(absent), [1, 2])
    absent.close()
    assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
    writeFileSync(path, '')
    const empty = openSqlite(description(), true)
    assert.deepEqual(values(empty), [1, 2])
    empty.close()
    assert.equal(statSync(path).size, 0)
  })

  it('refuses to write through what was opened to read', () => {
    openSqlite(description(), false).close()
    const db = openSqlite(description(), true)
    const database = new SqliteDatabase(db, description())
    const write = () => database.guard(() => database.statement('INSERT INTO a VALUES (9)').run())
    refused(write, 'forbidden', 'forbidden', /the test database .* cannot be written/)
    database.close()
  })

  it('refuses a database of a newer Holdfast, either way, and leaves it alone', () => {
    openSqlite(description(), false).close()
    const known = description(STEPS.slice(0, 1))
    for (const readOnly of [true, false]) {
      const open = () => openSqlite(known, readOnly)
      refused(open, 'unsupported', 'state-newer', /test database .* \(schema 3, this one knows 1\)/)
    }
    const db = openSqlite(description(), true)
    assert.deepEqual(values(db), [1, 2])
    db.close()
  })

  it('does not read an older database, and upgrades it when it is opened to write', () => {
    openSqlite(description(STEPS.slice(0, 2)), false).close()
    refused(() => openSqlite(description(), true), 'wrong-state', 'state-older', /not been upgraded yet/)
    openSqlite(description(), false).close()
    const db = openSqlite(description(), true)
    assert.deepEqual(values(db), [1, 2])
    db.close()
  })

  it('tells a damaged file and a foreign database from an empty one', () => {
    writeFileSync(path, 'this is no database at all, however long it may be'.repeat(100))
    for (const readOnly of [true, false]) {
      const open = () => openSqlite(description(), readOnly)
      refused(open, 'corrupt', 'state-corrupt', /the test database .* is damaged/, 'put it back')
    }
    rmSync(path)
    sql('CREATE TABLE theirs (a INTEGER)')
    for (const readOnly of [true, false]) {
      refused(() => openSqlite(description(), readOnly), 'corrupt', 'state-corrupt', /not one of Holdfast/)
    }
  })

  it('says why it may not open or make it', () => {
    mkdirSync(path)
    refused(() => openSqlite(description(), false), 'forbidden', 'forbidden', /it cannot be read or written/)
    path = join(directory, 'missing', 'test.db')
    refused(() => openSqlite(description(), false), 'forbidden', 'forbidden', /there is no directory .*missing/)
    // Not even root may make a file in sysfs.
    path = '/sys/test.db'
    refused(() => openSqlite(description(), false), 'forbidden', 'forbidden', /cannot open the test database/)
  })

  it('opens beside a process that is writing', () => {
    openSqlite(description(), false).close()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    for (const readOnly of [true, false]) openSqlite(description(), readOnly).close()
    other.close()
  })
})

describe('migrate', () => {
  it('upgrades step by step, each step once, and keeps nothing of a step that fails', () => {
    sql('PRAGMA user_version = 0')
    const db = new DatabaseSync(path)
    migrate(db, description(STEPS.slice(0, 2)))
    migrate(db, description())
    migrate(db, description())
    assert.deepEqual(values(db), [1, 2])
    const failing = [...STEPS, 'INSERT INTO a VALUES (9); INSERT INTO b VALUES (1)']
    assert.throws(() => migrate(db, description(failing)), /no such table/)
    assert.deepEqual(values(db), [1, 2])
    assert.equal(db.prepare('PRAGMA user_version').get()?.user_version, 3)
    db.close()
  })

  it('leaves out a step that another process does first', () => {
    const db = new DatabaseSync(path)
    migrate(db, description(STEPS.slice(0, 1)))
    const exec = db.exec.bind(db)
    db.exec = text => {
      db.exec = exec
      assert.equal(text, 'BEGIN IMMEDIATE')
      openSqlite(description(), false).close()
      exec(text)
    }
    migrate(db, description())
    assert.deepEqual(values(db), [1, 2])
    db.close()
  })
})

describe('SqliteDatabase', () => {
  let db: DatabaseSync
  let database: SqliteDatabase
  beforeEach(() => {
    db = openSqlite(description(), false)
    database = new SqliteDatabase(db, description())
  })
  afterEach(() => database.close())

  it('compiles a statement once', () => {
    assert.equal(database.statement('SELECT x FROM a'), database.statement('SELECT x FROM a'))
  })

  it('keeps all of a transaction or nothing, and lets what was thrown in it through', () => {
    const boom = new TypeError('boom')
    const insert = () => database.exec('INSERT INTO a VALUES (3)')
    assert.throws(
      () =>
        database.transaction(() => {
          insert()
          throw boom
        }),
      error => error === boom,
    )
    assert.deepEqual(values(db), [1, 2])
    assert.equal(
      database.transaction(() => {
        insert()
        return 'kept'
      }),
      'kept',
    )
    assert.deepEqual(values(db), [1, 2, 3])
  })

  it('says that another process holds it', () => {
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    refused(() => database.transaction(() => undefined), 'busy', 'busy', /the test database .* is held by another/)
    other.close()
    database.transaction(() => undefined)
  })

  it('says no-space when the disk is full, and has changed nothing', () => {
    // SQLite gives SQLITE_FULL at the page limit as it does for ENOSPC.
    db.exec('PRAGMA max_page_count = 1')
    const fill = () =>
      database.transaction(() => {
        const insert = database.statement('INSERT INTO a VALUES (?)')
        for (let n = 0; n < 2000; n++) database.guard(() => insert.run(n))
      })
    refused(fill, 'no-space', 'no-space', /no space left for the test database/)
    assert.deepEqual(values(db), [1, 2])
  })

  it('closes once', () => {
    database.close()
    database.close()
    assert.equal(database.isOpen, false)
    refused(() => database.transaction(() => undefined), 'internal', 'internal', /test database .* not open/)
  })
})

describe('sqliteError', () => {
  const failure = (errcode: number) => Object.assign(new Error('said'), { errcode })

  it('goes by the primary result code', () => {
    const cases: readonly (readonly [number, ErrorKind, string])[] = [
      [6, 'busy', 'busy'],
      [5 | (1 << 8), 'busy', 'busy'],
      [10 | (3 << 8), 'unavailable', 'io-error'],
      [11, 'corrupt', 'state-corrupt'],
      [1, 'internal', 'internal'],
    ]
    for (const [errcode, kind, code] of cases) {
      const error = sqliteError(failure(errcode), description())
      assert.deepEqual([error.kind, error.code], [kind, code], String(errcode))
      assert.match(error.message, /test database .*said/)
    }
  })

  it('leaves an error of our own as it is', () => {
    const own = new HoldfastError('conflict', 'store-conflict', 'moved on')
    assert.equal(sqliteError(own, description()), own)
  })

  it('knows a broken constraint', () => {
    assert.ok(isConstraint(failure(19 | (8 << 8))))
    assert.ok(!isConstraint(failure(1)))
    assert.ok(!isConstraint(new Error('said')))
  })
})
