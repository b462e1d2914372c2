import { openSqlite } from '#src/host/sqlite/open.ts'
import { stateDatabase } from './schema.ts'
import { SqliteStore } from './sqlite-store.ts'

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
  return new SqliteStore(openSqlite(stateDatabase(path), readOnly), path, readOnly)
}
