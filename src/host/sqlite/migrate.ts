import type { DatabaseSync } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'
import type { DatabaseDescription } from './description.ts'
import { SqliteDatabase } from './sqlite-database.ts'
import { damaged } from './sums.ts'

export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

/**
 * Brings the database to the newest schema, one transaction for each step; one that has it already is not written to.
 * @throws HoldfastError `state-newer`, or `state-corrupt` for tables that no version of Holdfast has left so
 */
export function migrate(db: DatabaseSync, description: DatabaseDescription): void {
  const found = schemaVersion(db)
  checkVersion(db, found, description)
  const database = new SqliteDatabase(db, description)
  // A new one is there whole or not at all, however little room there is.
  if (found === 0) database.transaction(() => migrateSteps(db, description, schemaVersion(db)))
  for (const [from, sql] of description.migrations.entries()) {
    if (found === 0 || from < found) continue
    // Only from the version before: two processes that begin at once do not do it twice.
    database.transaction(() => {
      if (schemaVersion(db) === from) db.exec(`${sql}; PRAGMA user_version = ${from + 1}`)
    })
  }
}

function migrateSteps(db: DatabaseSync, { migrations }: DatabaseDescription, found: number): void {
  for (const sql of migrations.slice(found)) db.exec(sql)
  db.exec(`PRAGMA user_version = ${migrations.length}`)
}

/**
 * Whether a database at schema `found` is one that this Holdfast knows; an older one is.
 * @throws HoldfastError `state-newer`, `state-corrupt`
 */
export function checkVersion(db: DatabaseSync, found: number, description: DatabaseDescription): void {
  const { path, noun, migrations } = description
  if (found < 0) throw damaged(description, `the number of its schema is ${found}`)
  if (found > migrations.length) {
    throw new HoldfastError(
      'unsupported',
      'state-newer',
      `the ${noun} ${path} was written by a newer Holdfast (schema ${found}, this one knows ${migrations.length})`,
      { details: { hint: 'upgrade Holdfast on this host' } },
    )
  }
  if (found === 0 && db.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() !== undefined) {
    throw new HoldfastError('corrupt', 'state-corrupt', `${path} is a SQLite database, but not one of Holdfast`, {
      details: { hint: 'name another state directory, or move the file away' },
    })
  }
}
