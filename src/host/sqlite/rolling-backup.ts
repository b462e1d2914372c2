import { makeBackup } from './backup.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

/** Backups of one connection's database, each only if the connection has changed anything since the one before. */
export class RollingBackup {
  readonly #database: SqliteDatabase
  #copied = 0

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  /**
   * Gives the path of the copy; undefined if there was nothing new to copy.
   * @throws HoldfastError as `makeBackup`
   */
  take(now: number): string | undefined {
    if (this.#changes() === this.#copied) return undefined
    const path = makeBackup(this.#database.connection, this.#database.description, now)
    // Copying counts as changes too.
    this.#copied = this.#changes()
    return path
  }

  #changes(): number {
    return Number(this.#database.statement('SELECT total_changes() AS changes').get()?.changes)
  }
}
