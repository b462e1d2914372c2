import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The least that any durable step can cost on this disk: one row into one table, synced. */
export class BareInsert implements Disposable {
  readonly #db: DatabaseSync
  readonly #insert: () => void

  constructor(directory: string) {
    this.#db = new DatabaseSync(join(directory, 'bare.db'))
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    this.#db.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT')
    const insert = this.#db.prepare('INSERT INTO rows (content) VALUES (?)')
    this.#insert = () => void insert.run('x'.repeat(100))
  }

  /** Milliseconds. */
  time(): number {
    const begun = performance.now()
    this.#insert()
    return performance.now() - begun
  }

  [Symbol.dispose](): void {
    this.#db.close()
  }
}
