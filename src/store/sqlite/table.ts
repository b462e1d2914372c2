import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { HoldfastError } from '#src/core/error.ts'
import { RESTORE_HINT } from '#src/host/sqlite/description.ts'
import type { Column } from './column.ts'
import { TABLES } from './schema.ts'
import { Malformed } from './shape.ts'

/** One row as SQLite gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>

/** One table and the records in it: a column for each field, `memoryMib` in `memory_mib`. */
export class Table<T extends object> {
  readonly name: string
  /** For a SELECT: columns in the order of the record's fields, and whether the row is as it was written. */
  readonly columns: string
  readonly #fields: ReadonlyMap<string, { readonly column: string; readonly codec: Column<unknown> }>

  constructor(name: string, columns: { readonly [K in keyof T]-?: Column<T[K]> }) {
    this.name = name
    const entries: [string, Column<unknown>][] = Object.entries(columns)
    this.#fields = new Map(entries.map(([field, codec]) => [field, { column: snakeCase(field), codec }]))
    const fields = [...this.#fields.values()].map(({ column }) => column)
    const summed = TABLES.find(table => table.name === name)?.columns ?? fields
    this.columns = `${fields.join(', ')}, sum IS row_sum(${summed.join(', ')}) AS whole`
  }

  /**
   * The columns and values of these fields; a field that is present and undefined becomes NULL.
   * @throws HoldfastError `internal` for a field that the table does not have
   */
  write(fields: Partial<T>): { readonly columns: readonly string[]; readonly values: readonly SQLInputValue[] } {
    const pairs = Object.entries(fields).map(([field, value]) => {
      const known = this.#fields.get(field)
      if (!known) throw new HoldfastError('internal', 'internal', `${this.name} has no field '${field}'`)
      return [known.column, known.codec.write(value)] as const
    })
    return { columns: pairs.map(([column]) => column), values: pairs.map(([, value]) => value) }
  }

  /** @throws HoldfastError `state-corrupt`, naming table, row and column */
  read(row: Row): T {
    try {
      if (row.whole !== 1) throw new Malformed('it is not as it was written')
      const read = [...this.#fields].map(
        ([field, { column, codec }]) => [field, codec.read(row[column], column)] as const,
      )
      return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as T
    } catch (cause) {
      if (!(cause instanceof Malformed)) throw cause
      throw new HoldfastError('corrupt', 'state-corrupt', `table ${this.name}, row ${rowName(row)}: ${cause.message}`, {
        cause,
        details: { hint: RESTORE_HINT },
      })
    }
  }
}

const snakeCase = (field: string): string => field.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

const rowName = (row: Row): string => (row.id === undefined ? `${row.operation_id} step ${row.step}` : String(row.id))
