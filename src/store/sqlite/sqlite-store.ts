import type { DatabaseSync } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'
import { sqliteError } from '#src/host/sqlite/errors.ts'
import { RollingBackup } from '#src/host/sqlite/rolling-backup.ts'
import { SqliteDatabase } from '#src/host/sqlite/sqlite-database.ts'
import { damaged } from '#src/host/sqlite/sums.ts'
import type { JournalEntry, OperationRecord } from '#src/journal/operation.ts'
import type { BlockDeviceMapping, InstanceRecord } from '../records.ts'
import type { OperationFilter, Store, Write } from '../store.ts'
import { stateDatabase, UNFINISHED_STATES } from './schema.ts'
import type { Row, Table } from './table.ts'
import { ENTRIES, INSTANCES, MAPPINGS, OPERATION_STATES, OPERATIONS } from './tables.ts'
import { Writer } from './writer.ts'

interface Waiting {
  readonly writes: readonly Write[]
  readonly settle: (error: HoldfastError | undefined) => void
}

/**
 * The store in one SQLite file. Commits that are asked for in the same turn of the event loop share one transaction and
 * so one sync of the disk, each within a savepoint of its own: one that is refused takes nothing with it.
 */
export class SqliteStore implements Store {
  readonly #database: SqliteDatabase
  readonly #readOnly: boolean
  readonly #writer: Writer
  readonly #backup: RollingBackup
  #waiting: Waiting[] = []

  /** Takes over an open database that has the newest schema. `path` is for messages. */
  constructor(db: DatabaseSync, path: string, readOnly = false) {
    this.#database = new SqliteDatabase(db, stateDatabase(path))
    this.#readOnly = readOnly
    this.#writer = new Writer(this.#database)
    this.#backup = new RollingBackup(this.#database)
  }

  async commit(writes: readonly Write[]): Promise<void> {
    this.#checkWritable()
    await new Promise<void>((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush())
      this.#waiting.push({ writes, settle: error => (error ? reject(error) : resolve()) })
    })
  }

  async instance(id: string): Promise<InstanceRecord | undefined> {
    return this.#select(INSTANCES, 'WHERE id = ?', id)[0]
  }

  async instances(): Promise<readonly InstanceRecord[]> {
    return this.#select(INSTANCES, 'ORDER BY name')
  }

  async mappings(instanceId: string): Promise<readonly BlockDeviceMapping[]> {
    return this.#select(MAPPINGS, `WHERE instance_id = ? ORDER BY ${BY_TARGET}`, instanceId)
  }

  async mappingsOfVolume(volumeId: string): Promise<readonly BlockDeviceMapping[]> {
    return this.#select(MAPPINGS, `WHERE volume_id = ? ORDER BY instance_id`, volumeId)
  }

  async allMappings(): Promise<readonly BlockDeviceMapping[]> {
    return this.#select(MAPPINGS, `ORDER BY instance_id, ${BY_TARGET}`)
  }

  async operation(id: string): Promise<OperationRecord | undefined> {
    return this.#select(OPERATIONS, 'WHERE id = ?', id)[0]
  }

  /** One look along an index for each state, so that the cost follows the limit and not the length of the history. */
  async operations({
    instanceId,
    states = OPERATION_STATES,
    limit = 100,
  }: OperationFilter): Promise<readonly OperationRecord[]> {
    if (states.every(state => UNFINISHED_STATES.includes(state))) {
      const unfinished = this.#unfinished().filter(row => states.some(state => state === row.state))
      return unfinished.filter(row => instanceId === undefined || row.instanceId === instanceId).slice(0, limit)
    }
    const where = instanceId === undefined ? 'state = ?' : 'state = ? AND instance_id = ?'
    const sql = `SELECT rowid AS age, ${OPERATIONS.columns} FROM operations WHERE ${where} ORDER BY rowid DESC LIMIT ?`
    const rows = [...new Set(states)].flatMap(state =>
      this.#all(sql, state, ...(instanceId === undefined ? [] : [instanceId]), limit),
    )
    return rows
      .sort(newestFirst)
      .slice(0, limit)
      .map(row => OPERATIONS.read(row))
  }

  /** Newest first. They are known by a table of their own, so that a damaged index of a long history hides none. */
  #unfinished(): readonly OperationRecord[] {
    const sql = `SELECT rowid AS age, ${OPERATIONS.columns} FROM operations WHERE id = ?`
    const rows = this.#all('SELECT id FROM unfinished_operations').map(({ id }) => {
      const [row] = this.#all(sql, String(id))
      if (row) return row
      throw damaged(this.#database.description, `unfinished operation ${id} is not found`)
    })
    return rows.sort(newestFirst).map(row => OPERATIONS.read(row))
  }

  async entries(operationId: string): Promise<readonly JournalEntry[]> {
    return this.#select(ENTRIES, 'WHERE operation_id = ? ORDER BY sequence', operationId)
  }

  /**
   * Forgets finished operations, with their journals, that ended before `before` (milliseconds since 1970) and are not
   * among the `keep` written last, whatever the clock says. Never one that is running or stuck. Where there is nothing to forget it
   * costs a look along an index. At most `most` at a time. Gives how many it forgot.
   */
  async prune({
    before,
    keep,
    most = 1000,
  }: {
    readonly before: number
    readonly keep: number
    readonly most?: number
  }): Promise<number> {
    this.#checkWritable()
    if (this.#all('SELECT 1 FROM operations WHERE finished_at < ? LIMIT 1', before).length === 0) return 0
    const newest = this.#all('SELECT rowid AS age FROM operations ORDER BY rowid DESC LIMIT 1 OFFSET ?', keep)[0]?.age
    if (newest === undefined) return 0
    const old =
      "SELECT id FROM operations WHERE finished_at < ? AND rowid <= ? AND state NOT IN ('running', 'stuck') LIMIT ?"
    const sql = `DELETE FROM operations WHERE id IN (${old})`
    return this.#database.guard(() => Number(this.#database.statement(sql).run(before, Number(newest), most).changes))
  }

  /** Copies what is in use beside the others, if anything was changed since the last copy. Errors as `makeBackup`. */
  async backUp(now: number): Promise<void> {
    this.#flush()
    this.#database.guard(() => this.#backup.take(now))
  }

  async close(): Promise<void> {
    this.#flush()
    this.#database.close()
  }

  #flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    const failure = this.#transact(batch)
    if (failure === undefined) return
    // The whole transaction failed: each goes alone, so that one that is too big for the disk does not fail the others.
    const alone = batch.length > 1 && failure.code !== 'busy'
    for (const one of batch) {
      const error = alone ? this.#transact([one]) : failure
      if (error) one.settle(error)
    }
  }

  /** Settles every commit of the batch and gives undefined; or gives why nothing was written, with none settled. */
  #transact(batch: readonly Waiting[]): HoldfastError | undefined {
    try {
      const refusals = this.#database.transaction(() => batch.map(({ writes }) => this.#attempt(writes)))
      for (const [index, { settle }] of batch.entries()) settle(refusals[index])
      return undefined
    } catch (error) {
      return sqliteError(error, this.#database.description)
    }
  }

  /** The refusal, with the savepoint undone; throws if the transaction itself is lost. */
  #attempt(writes: readonly Write[]): HoldfastError | undefined {
    this.#database.exec('SAVEPOINT one')
    try {
      for (const write of writes) this.#writer.apply(write)
      this.#database.exec('RELEASE one')
      return undefined
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      this.#database.exec('ROLLBACK TO one; RELEASE one')
      return error
    }
  }

  #select<T extends object>(table: Table<T>, rest: string, ...values: readonly (string | number)[]): T[] {
    return this.#all(`SELECT ${table.columns} FROM ${table.name} ${rest}`, ...values).map(row => table.read(row))
  }

  #all(sql: string, ...values: readonly (string | number)[]): Row[] {
    return this.#database.guard(() => this.#database.statement(sql).all(...values))
  }

  #checkWritable(): void {
    const { path } = this.#database.description
    if (!this.#database.isOpen) throw new HoldfastError('internal', 'internal', `the store ${path} is closed`)
    if (!this.#readOnly) return
    throw new HoldfastError('forbidden', 'forbidden', `the state database ${path} is open for reading only`)
  }
}

/** `vdz` before `vdaa`. */
const BY_TARGET = 'length(target), target'

const newestFirst = (a: Row, b: Row): number => Number(b.age) - Number(a.age)
