import type { DatabaseSync } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'

export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

/**
 * Brings the database to the newest schema, one transaction for each step; a database that is there already is not
 * written to.
 * @throws HoldfastError `state-newer`, or `state-corrupt` for tables that no version of Holdfast has left so
 */
export function migrate(db: DatabaseSync, migrations: readonly string[], path: string): void {
  const found = schemaVersion(db)
  checkVersion(db, found, migrations.length, path)
  for (const [index, sql] of migrations.entries()) if (index >= found) step(db, sql, index)
}

/** One version up, and only from the one before: two processes that begin at once do not do it twice. */
function step(db: DatabaseSync, sql: string, from: number): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (schemaVersion(db) === from) db.exec(`${sql}; PRAGMA user_version = ${from + 1}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

export function checkVersion(db: DatabaseSync, found: number, known: number, path: string): void {
  if (found > known) {
    throw new HoldfastError(
      'unsupported',
      'state-newer',
      `the state database ${path} was written by a newer Holdfast (schema ${found}, this one knows ${known})`,
      { details: { hint: 'upgrade Holdfast on this host' } },
    )
  }
  if (found === 0 && db.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() !== undefined) {
    throw new HoldfastError('corrupt', 'state-corrupt', `${path} is a SQLite database, but not one of Holdfast`, {
      details: { hint: 'name another state directory, or move the file away' },
    })
  }
}
