import type { SQLInputValue } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'
import { isConstraint } from '#src/host/sqlite/errors.ts'
import type { SqliteDatabase } from '#src/host/sqlite/sqlite-database.ts'
import { type JournalEntry, mayBecome, mayFollow, type OperationState, type StepEvent } from '#src/journal/operation.ts'
import type { Write } from '../store.ts'
import type { Table } from './table.ts'
import { ENTRIES, INSTANCES, MAPPINGS, OPERATIONS } from './tables.ts'

type Update = Extract<Write, { update: string }>
type Identified = { readonly id: string }

/** Does single writes inside the caller's transaction, which is rolled back when one throws. */
export class Writer {
  readonly #database: SqliteDatabase

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  /** @throws HoldfastError `store-conflict`, `name-taken`, `journal-illegal` */
  apply(write: Write): void {
    if ('remove' in write) this.#remove(write)
    else if ('update' in write) this.#update(write)
    else if (write.put === 'instance') this.#put(INSTANCES, write.row)
    else if (write.put === 'mapping') this.#put(MAPPINGS, write.row)
    else if (write.put === 'operation') this.#put(OPERATIONS, write.row)
    else this.#append(write.row)
  }

  #put<T extends Identified>(table: Table<T>, row: T): void {
    const { columns, values } = table.write(row)
    const marks = columns.map(() => '?').join(', ')
    const sql = `INSERT INTO ${table.name} (${columns.join(', ')}) VALUES (${marks})`
    this.#run(sql, values, `${table.name}: row ${row.id}`)
  }

  #append(entry: JournalEntry): void {
    const last = this.#lastEvent(entry)
    if (!mayFollow(last, entry.event)) {
      const where = `operation ${entry.operationId}, step ${entry.step}`
      throw illegal(`${where}: '${entry.event}' may not follow ${last ? `'${last}'` : 'nothing'}`)
    }
    const { columns, values } = ENTRIES.write(entry)
    const marks = columns.map(() => '?').join(', ')
    const next = 'SELECT coalesce(max(sequence), 0) + 1 FROM journal_entries WHERE operation_id = ?'
    const sql = `INSERT INTO journal_entries (sequence, ${columns.join(', ')}) VALUES ((${next}), ${marks})`
    this.#run(sql, [entry.operationId, ...values], `journal of operation ${entry.operationId}`)
  }

  #lastEvent({ operationId, step }: JournalEntry): StepEvent | undefined {
    const where = 'WHERE operation_id = ? AND step = ? ORDER BY sequence DESC LIMIT 1'
    const row = this.#database
      .statement(`SELECT ${ENTRIES.columns} FROM journal_entries ${where}`)
      .get(operationId, step)
    return row && ENTRIES.read(row).event
  }

  #update(write: Update): void {
    if (write.update === 'instance') this.#patch(INSTANCES, write, write.patch)
    else if (write.update === 'mapping') this.#patch(MAPPINGS, write, write.patch)
    else {
      if (write.patch.state !== undefined) this.#checkTransition(write, write.patch.state)
      this.#patch(OPERATIONS, write, write.patch)
    }
  }

  #patch<T extends Identified>(table: Table<T>, write: Pick<Update, 'id' | 'version'>, fields: object): void {
    const { id, version } = write
    const { columns, values } = table.write(fields)
    const sets = ['version = version + 1', ...columns.map(column => `${column} = ?`)].join(', ')
    const sql = `UPDATE ${table.name} SET ${sets} WHERE id = ? AND version = ?`
    if (this.#run(sql, [...values, id, version], `${table.name}: row ${id}`) === 0) throw movedOn(table.name, write)
  }

  #checkTransition(write: Pick<Update, 'id' | 'version'>, to: OperationState): void {
    const sql = `SELECT ${OPERATIONS.columns} FROM operations WHERE id = ? AND version = ?`
    const row = this.#database.statement(sql).get(write.id, write.version)
    if (!row) throw movedOn('operations', write)
    const { state } = OPERATIONS.read(row)
    if (!mayBecome(state, to)) throw illegal(`operation ${write.id} is '${state}' and may not become '${to}'`)
  }

  #remove(write: Extract<Write, { remove: string }>): void {
    const { name } = write.remove === 'instance' ? INSTANCES : MAPPINGS
    this.#run(`DELETE FROM ${name} WHERE id = ?`, [write.id], `${name}: row ${write.id}`)
  }

  /** Number of rows changed. Broken constraints become the port's conflicts; other failures of SQLite pass through. */
  #run(sql: string, values: readonly SQLInputValue[], what: string): number {
    try {
      return Number(this.#database.statement(sql).run(...values).changes)
    } catch (error) {
      throw isConstraint(error) ? constraintError(error, what) : error
    }
  }
}

function constraintError(error: Error, what: string): Error {
  if (error.message.endsWith('failed: instances.name')) {
    return new HoldfastError('conflict', 'name-taken', `${what}: another instance has this name`, { cause: error })
  }
  const words = constraintWords(error.message)
  return words === undefined ? error : conflict(`${what}: ${words}`, error)
}

/** Undefined for a constraint that only a defect can break, such as NOT NULL. */
function constraintWords(message: string): string | undefined {
  if (message.startsWith('FOREIGN KEY')) return 'the row that it belongs to is missing, or rows still belong to it'
  if (!message.startsWith('UNIQUE')) return undefined
  if (message.endsWith('.volume_id')) return 'the instance has this volume already'
  if (message.endsWith('.target')) return 'the instance has this target already'
  return 'it is there already'
}

const conflict = (message: string, cause?: unknown) =>
  new HoldfastError('conflict', 'store-conflict', message, { cause })

const movedOn = (table: string, { id, version }: Pick<Update, 'id' | 'version'>) =>
  conflict(`${table}: row ${id} is not at version ${version} any more`)

const illegal = (message: string) => new HoldfastError('internal', 'journal-illegal', message)
