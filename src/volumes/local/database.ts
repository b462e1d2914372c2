import { closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'
import { corruptRow, databaseError } from './database-errors.ts'
import { Row } from './row.ts'
import { MIGRATIONS } from './schema.ts'

/** The state lock lets one process write at a time, so a wait is only for the end of another's last commit. */
const BUSY_MS = 250

export type Values = Readonly<Record<string, SQLInputValue | undefined>>

/** `volumes.db`, one connection: statements are prepared once, failures are HoldfastErrors. Every call is synchronous. */
export class Database {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.path = path
  }

  all(sql: string, values: Values = {}): Row[] {
    return this.#guard(() => this.#prepare(sql).all(bound(values))).map(row => new Row(row, this.path))
  }

  get(sql: string, values: Values = {}): Row | undefined {
    const row = this.#guard(() => this.#prepare(sql).get(bound(values)))
    return row && new Row(row, this.path)
  }

  /** How many rows it changed. */
  run(sql: string, values: Values = {}): number {
    return Number(this.#guard(() => this.#prepare(sql).run(bound(values))).changes)
  }

  /** All of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    this.#guard(() => this.#db.exec('BEGIN IMMEDIATE'))
    try {
      const result = work()
      this.#guard(() => this.#db.exec('COMMIT'))
      return result
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    this.#statements.clear()
    if (this.#db.isOpen) this.#db.close()
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw databaseError(error, this.path)
    }
  }
}

const bound = (values: Values): Record<string, SQLInputValue> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? null]))

/**
 * Opens the database; makes it (mode 0600) or brings it to the newest schema if need be. To read only, a database that is
 * not there yet is an empty one.
 * @throws HoldfastError `forbidden`, `no-space`, `busy`, `state-corrupt`, `state-newer`, `state-older`
 */
export function openDatabase(path: string, readOnly: boolean): Database {
  try {
    return new Database(readOnly ? openToRead(path) : openToWrite(path), path)
  } catch (error) {
    throw databaseError(error, path)
  }
}

function openToWrite(path: string): DatabaseSync {
  // SQLite gives its companion files the mode of the database; a failure here is told by SQLite itself.
  if (!existsSync(path)) makePrivate(path)
  return guarded(new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true }), db => {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    migrate(db, path)
  })
}

function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600))
  } catch {
    return
  }
}

function openToRead(path: string): DatabaseSync {
  if (!existsSync(path)) return empty(path)
  const db = guarded(new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true }), opened => {
    const found = version(opened)
    checkVersion(opened, found, path)
    if (found > 0 && found < MIGRATIONS.length) throw older(path)
  })
  if (version(db) > 0) return db
  db.close()
  return empty(path)
}

const empty = (path: string) => guarded(new DatabaseSync(':memory:'), db => migrate(db, path))

function guarded(db: DatabaseSync, prepare: (db: DatabaseSync) => void): DatabaseSync {
  try {
    prepare(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const version = (db: DatabaseSync) => Number(db.prepare('PRAGMA user_version').get()?.user_version)

function migrate(db: DatabaseSync, path: string): void {
  const found = version(db)
  checkVersion(db, found, path)
  for (const [from, sql] of MIGRATIONS.entries()) if (from >= found) step(db, sql, from)
}

/** One version up, and only from the one before: two processes that begin at once do not do it twice. */
function step(db: DatabaseSync, sql: string, from: number): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (version(db) === from) db.exec(`${sql}; PRAGMA user_version = ${from + 1}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function checkVersion(db: DatabaseSync, found: number, path: string): void {
  if (found > MIGRATIONS.length) throw newer(path, found)
  if (found === 0 && db.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() !== undefined) {
    throw corruptRow(path, 'it is a SQLite database, but not one of Holdfast')
  }
}

const newer = (path: string, found: number) =>
  new HoldfastError(
    'unsupported',
    'state-newer',
    `the volume database ${path} was written by a newer Holdfast (schema ${found}, this one knows ${MIGRATIONS.length})`,
    { details: { hint: 'upgrade Holdfast on this host' } },
  )

const older = (path: string) =>
  new HoldfastError('wrong-state', 'state-older', `the volume database ${path} has not been upgraded yet`, {
    details: { hint: 'run any command that changes something; it upgrades the database first' },
  })
