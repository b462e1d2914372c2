import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { DatabaseDescription, SummedTable } from './description.ts'
import { sqliteError } from './errors.ts'
import { checkVersion, migrate, schemaVersion } from './migrate.ts'
import { checkDamage, defineRowSum } from './sums.ts'

/** A copy of a database beside it: complete, of the same schema, synced before it got its name. */
export interface Backup {
  readonly path: string
  /** When it was made, milliseconds since 1970, by its name. */
  readonly madeAt: number
  readonly bytes: number
}

/** So many newest are kept, and beside them the last of each of so many days. */
const NEWEST = 8
const DAYS = 7
const DAY_MS = 86_400_000

/** `<folder>/backups/<name>-20261123T041500123.db` */
const folderOf = ({ path }: DatabaseDescription): string => join(dirname(path), 'backups')
const prefixOf = ({ path }: DatabaseDescription): string => `${basename(path, '.db')}-`

/** Newest first. */
export function listBackups(description: DatabaseDescription): readonly Backup[] {
  const folder = folderOf(description)
  const prefix = prefixOf(description)
  const names = existsSync(folder) ? readdirSync(folder) : []
  const found = names.flatMap(name => {
    const madeAt = name.startsWith(prefix) ? timeOf(name.slice(prefix.length)) : undefined
    if (madeAt === undefined) return []
    const path = join(folder, name)
    return [{ path, madeAt, bytes: statSync(path).size }]
  })
  return found.toSorted((a, b) => b.madeAt - a.madeAt)
}

const stamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:.Z]/g, '')

function timeOf(rest: string): number | undefined {
  const [, y, mo, d, h, mi, s, ms] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})\.db$/.exec(rest) ?? []
  return y === undefined ? undefined : Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}Z`)
}

/**
 * Copies what is in use (of history only what `liveHistory` selects, so that a copy costs the same however long the history
 * is), looks the copy through, and gives it its name only then: a damaged state never takes a good copy's place.
 * @throws HoldfastError `state-corrupt`, `no-space`, `forbidden`
 */
export function makeBackup(db: DatabaseSync, description: DatabaseDescription, now: number): string {
  const folder = folderOf(description)
  const path = join(folder, `${prefixOf(description)}${stamp(now)}.db`)
  const unfinished = `${path}.part`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    rmSync(unfinished, { force: true })
    closeSync(openSync(unfinished, 'wx', 0o600))
    copyInto(unfinished, db, description)
    checkFile(unfinished, description)
    sync(unfinished)
    renameSync(unfinished, path)
    sync(folder)
    forgetOld(description)
    return path
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw sqliteError(error, { ...description, path })
  }
}

function copyInto(path: string, db: DatabaseSync, description: DatabaseDescription): void {
  const made = new DatabaseSync(path)
  try {
    defineRowSum(made)
    // It is synced once, when it is complete.
    made.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF')
    migrate(made, description)
  } finally {
    made.close()
  }
  db.prepare('ATTACH ? AS copy').run(path)
  try {
    db.exec('PRAGMA copy.journal_mode = MEMORY; PRAGMA copy.synchronous = OFF; BEGIN')
    for (const table of description.tables) db.exec(copySql(table))
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  } finally {
    db.exec('DETACH copy')
  }
}

const copySql = ({ name, columns, liveHistory }: SummedTable): string =>
  `INSERT INTO copy.${name} (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM main.${name} ${liveHistory ?? ''}`

/**
 * Looks through all of a database or backup.
 * @throws HoldfastError what is wrong with the file, as when it is opened
 */
export function checkFile(path: string, description: DatabaseDescription): void {
  const found = { ...description, path }
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true })
    defineRowSum(db)
    checkVersion(db, schemaVersion(db), found)
    checkDamage(db, found, { all: true })
  } catch (error) {
    throw sqliteError(error, found)
  } finally {
    db?.close()
  }
}

function forgetOld(description: DatabaseDescription): void {
  const days = new Set<number>()
  for (const [index, { path, madeAt }] of listBackups(description).entries()) {
    const day = Math.floor(madeAt / DAY_MS)
    const lastOfDay = !days.has(day) && days.size < DAYS
    if (lastOfDay) days.add(day)
    if (index >= NEWEST && !lastOfDay) rmSync(path, { force: true })
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * Puts a backup in the place of the database. What is there is moved aside, with its companions, and never deleted. Gives where
 * to; undefined if nothing was there.
 * @throws HoldfastError as `checkFile` for a backup that is not whole, before anything is touched
 */
export function restoreBackup(backup: string, description: DatabaseDescription, now: number): string | undefined {
  const { path } = description
  checkFile(backup, description)
  try {
    const incoming = `${path}.restored`
    rmSync(incoming, { force: true })
    copyWhole(backup, incoming)
    const aside = existsSync(path) ? `${path}.damaged-${stamp(now)}` : undefined
    // The database before its log: without the one the other is nothing, and a database that is gone is told as such.
    for (const suffix of ['', '-wal', '-shm']) moveAside(`${path}${suffix}`, aside && `${aside}${suffix}`)
    renameSync(incoming, path)
    sync(dirname(path))
    return aside
  } catch (error) {
    throw sqliteError(error, description)
  }
}

function moveAside(path: string, aside: string | undefined): void {
  if (!existsSync(path)) return
  if (aside === undefined) rmSync(path)
  else renameSync(path, aside)
}

function copyWhole(from: string, to: string): void {
  const db = new DatabaseSync(from, { readOnly: true })
  try {
    defineRowSum(db)
    closeSync(openSync(to, 'wx', 0o600))
    db.prepare('VACUUM INTO ?').run(to)
  } finally {
    db.close()
  }
  sync(to)
}
