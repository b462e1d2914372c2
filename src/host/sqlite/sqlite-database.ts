import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { DatabaseDescription } from './description.ts'
import { sqliteError } from './errors.ts'

/** One connection: statements are compiled once, and what is guarded fails with HoldfastErrors. Every call is synchronous. */
export class SqliteDatabase {
  readonly description: DatabaseDescription
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync, description: DatabaseDescription) {
    this.#db = db
    this.description = description
  }

  /** The connection itself, for what works on whole databases. */
  get connection(): DatabaseSync {
    return this.#db
  }

  get isOpen(): boolean {
    return this.#db.isOpen
  }

  /** The prepared statement of this text. What it throws is SQLite's own, unless it runs under `guard`. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const made = this.#db.prepare(sql)
    this.#statements.set(sql, made)
    return made
  }

  /** Runs SQL that gives no rows. What it throws is SQLite's own, unless it runs under `guard`. */
  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /** Does `work`; its failures become the errors that the ports promise. */
  guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw sqliteError(error, this.description)
    }
  }

  /** All of `work` or nothing of it. What `work` throws passes through as it is. */
  transaction<T>(work: () => T): T {
    this.guard(() => this.#db.exec('BEGIN IMMEDIATE'))
    try {
      const result = work()
      this.guard(() => this.#db.exec('COMMIT'))
      return result
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    if (this.#db.isOpen) this.guard(() => this.#db.close())
  }
}
