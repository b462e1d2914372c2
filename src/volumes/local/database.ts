import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { openSqlite } from '#src/host/sqlite/open.ts'
import { RollingBackup } from '#src/host/sqlite/rolling-backup.ts'
import { SqliteDatabase } from '#src/host/sqlite/sqlite-database.ts'
import { Row } from './row.ts'
import { volumeDatabase } from './schema.ts'

export type Values = Readonly<Record<string, SQLInputValue | undefined>>

/** `volumes.db`, one connection: values by name, rows checked as they are read. Failures are HoldfastErrors. */
export class Database {
  readonly #database: SqliteDatabase
  readonly #backup: RollingBackup

  /** Takes over an open database that has the newest schema. `path` is for messages. */
  constructor(db: DatabaseSync, path: string) {
    this.#database = new SqliteDatabase(db, volumeDatabase(path))
    this.#backup = new RollingBackup(this.#database)
  }

  all(sql: string, values: Values = {}): Row[] {
    const rows = this.#database.guard(() => this.#database.statement(sql).all(bound(values)))
    return rows.map(row => new Row(row, this.#database.description))
  }

  get(sql: string, values: Values = {}): Row | undefined {
    const row = this.#database.guard(() => this.#database.statement(sql).get(bound(values)))
    return row && new Row(row, this.#database.description)
  }

  /** How many rows it changed. */
  run(sql: string, values: Values = {}): number {
    return Number(this.#database.guard(() => this.#database.statement(sql).run(bound(values))).changes)
  }

  /** All of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    return this.#database.transaction(work)
  }

  /** Copies all of it beside the others, if anything was changed since the last copy. Errors as `makeBackup`. */
  backUp(now: number): void {
    this.#database.guard(() => this.#backup.take(now))
  }

  close(): void {
    this.#database.close()
  }
}

const bound = (values: Values): Record<string, SQLInputValue> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? null]))

/**
 * Opens the database; makes it (mode 0600) or brings it to the newest schema if need be. To read only, a database that is
 * not there yet is an empty one.
 * @throws HoldfastError `forbidden`, `no-space`, `busy`, `state-corrupt`, `state-newer`, `state-older`
 */
export const openDatabase = (path: string, readOnly: boolean): Database =>
  new Database(openSqlite(volumeDatabase(path), readOnly), path)
