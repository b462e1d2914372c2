import { closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'
import { storeError } from './errors.ts'
import { checkVersion, migrate, schemaVersion } from './migrate.ts'
import { MIGRATIONS } from './schema.ts'
import { SqliteStore } from './sqlite-store.ts'

/** One process writes at a time (the state lock sees to it), so a wait is only for the end of another's last commit. */
const BUSY_MS = 250

export interface SqliteStoreOptions {
  /** Absolute path of the database file; its directory is there already. */
  readonly path: string
  /** For queries beside a process that writes. A database that is not there yet reads as an empty one. */
  readonly readOnly?: boolean
}

/**
 * Opens the store; makes the database (mode 0600) or brings it to the newest schema if need be.
 * @throws HoldfastError `forbidden`, `no-space`, `busy`, `state-corrupt`, `state-newer`, `state-older`
 */
export async function openSqliteStore({ path, readOnly = false }: SqliteStoreOptions): Promise<SqliteStore> {
  try {
    return new SqliteStore(readOnly ? openToRead(path) : openToWrite(path), path, readOnly)
  } catch (error) {
    throw storeError(error, path)
  }
}

function openToWrite(path: string): DatabaseSync {
  if (!existsSync(path)) makePrivate(path)
  return guarded(new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true }), db => {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    migrate(db, MIGRATIONS, path)
  })
}

/** SQLite gives its companion files the mode of the database. Failures are left to SQLite to tell. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600))
  } catch {
    return
  }
}

function openToRead(path: string): DatabaseSync {
  if (!existsSync(path)) return emptyDatabase(path)
  const db = guarded(new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true }), opened => {
    const found = schemaVersion(opened)
    checkVersion(opened, found, MIGRATIONS.length, path)
    if (found > 0 && found < MIGRATIONS.length) throw olderState(path)
  })
  if (schemaVersion(db) > 0) return db
  db.close()
  return emptyDatabase(path)
}

const emptyDatabase = (path: string): DatabaseSync =>
  guarded(new DatabaseSync(':memory:'), db => migrate(db, MIGRATIONS, path))

function guarded(db: DatabaseSync, prepare: (db: DatabaseSync) => void): DatabaseSync {
  try {
    prepare(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const olderState = (path: string) =>
  new HoldfastError('wrong-state', 'state-older', `the state database ${path} has not been upgraded yet`, {
    details: { hint: 'run any command that changes something; it upgrades the database first' },
  })
