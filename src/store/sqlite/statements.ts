import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Prepared statements by their text: each is compiled once, when it is first needed. */
export class Statements {
  readonly #db: DatabaseSync
  readonly #known = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  get(sql: string): StatementSync {
    const known = this.#known.get(sql)
    if (known) return known
    const made = this.#db.prepare(sql)
    this.#known.set(sql, made)
    return made
  }
}
