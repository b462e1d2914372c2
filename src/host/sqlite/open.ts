import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { HoldfastError } from '#src/core/error.ts'
import { listBackups } from './backup.ts'
import type { DatabaseDescription } from './description.ts'
import { sqliteError } from './errors.ts'
import { checkVersion, migrate, schemaVersion } from './migrate.ts'
import { isFull, isReadOnly } from './room.ts'
import { checkDamage, damaged, defineRowSum } from './sums.ts'

/** One process writes at a time (the state lock sees to it), so a wait is only for the end of another's last commit. */
const BUSY_MS = 250

/**
 * Opens the database; makes it (mode 0600) or brings it to the newest schema if need be. With `readOnly`, for queries
 * beside a process that writes, nothing is made or changed, and a database that is not there yet reads as an empty one.
 * @throws HoldfastError `forbidden`, `no-space`, `busy`, `state-corrupt`, `state-newer`, `state-older`
 */
export function openSqlite(description: DatabaseDescription, readOnly: boolean): DatabaseSync {
  try {
    return readOnly ? openToRead(description) : openToWrite(description)
  } catch (error) {
    throw sqliteError(error, description)
  }
}

function openToWrite(description: DatabaseDescription): DatabaseSync {
  const { path } = description
  refuseStump(description)
  if (!existsSync(path)) makePrivate(path)
  return prepared(new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true }), db => {
    defineRowSum(db)
    // Before anything is written: it may be another program's.
    checkVersion(db, schemaVersion(db), description)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    migrate(db, description)
    checkDamage(db, description)
  })
}

/** SQLite's own header. */
const SHORTEST = 100

/** SQLite takes a file that is gone, or was cut off at its beginning, for a new one. It is new only if it never had a backup. */
function refuseStump(description: DatabaseDescription): void {
  const size = statSync(description.path, { throwIfNoEntry: false })?.size
  if (size !== undefined && size >= SHORTEST) return
  if ((size === undefined || size === 0) && listBackups(description).length === 0) return
  throw damaged(description, size === undefined ? 'it is gone, though there are backups of it' : `it has ${size} bytes`)
}

/** SQLite gives its companion files the mode of the database. Failures are left to SQLite to tell. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600))
  } catch {
    return
  }
}

function openToRead(description: DatabaseDescription): DatabaseSync {
  const { path, migrations } = description
  refuseStump(description)
  if (!existsSync(path)) return emptyDatabase(description)
  const db = prepared(new DatabaseSync(readable(path), { timeout: BUSY_MS, readOnly: true }), opened => {
    const found = schemaVersion(opened)
    checkVersion(opened, found, description)
    if (found > 0 && found < migrations.length) throw older(description)
    defineRowSum(opened)
    if (found > 0) checkDamage(opened, description)
  })
  if (schemaVersion(db) > 0) return db
  db.close()
  return emptyDatabase(description)
}

/**
 * On a file system that is full or read-only SQLite cannot make its companion files, and without them reads only what it is
 * told that nobody changes. That holds there, unless another process has them open or commits wait in the log.
 */
function readable(path: string): string | URL {
  const folder = dirname(path)
  const isOpen = existsSync(`${path}-shm`) || (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0
  if (isOpen || !(isReadOnly(folder) || isFull(folder))) return path
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return url
}

const emptyDatabase = (description: DatabaseDescription): DatabaseSync =>
  prepared(new DatabaseSync(':memory:'), db => {
    defineRowSum(db)
    migrate(db, description)
  })

/** Closes the database again if it cannot be prepared. */
function prepared(db: DatabaseSync, prepare: (db: DatabaseSync) => void): DatabaseSync {
  try {
    prepare(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const older = ({ noun, path }: DatabaseDescription) =>
  new HoldfastError('wrong-state', 'state-older', `the ${noun} ${path} has not been upgraded yet`, {
    details: { hint: 'run any command that changes something; it upgrades the database first' },
  })
