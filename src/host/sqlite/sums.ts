import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { HoldfastError } from '#src/core/error.ts'
import type { DatabaseDescription, SummedTable } from './description.ts'

/** Name of the SQL function that gives the checksum of its arguments. Migrations use it, so it keeps its meaning for ever. */
const ROW_SUM = 'row_sum'

/** Gives this connection the function that sums rows: SQLite has no checksums of its own for what lies in its pages. */
export function defineRowSum(db: DatabaseSync): void {
  const options = { deterministic: true, varargs: true, useBigIntArguments: true }
  db.function(ROW_SUM, options, (...values) => rowSum(values))
}

/** The checksum of values as SQLite gives them; any single bit that turns gives another. */
const rowSum = (values: readonly unknown[]): number =>
  crc32(JSON.stringify(values, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))

/**
 * SQL of a migration that gives a table its column `sum`, for the rows that it has and for every one written from now on, by
 * triggers: no writer can forget it.
 */
export const addSums = (table: SummedTable): string =>
  `ALTER TABLE ${table.name} ADD COLUMN sum INTEGER;${sumRows(table)}`

/** SQL of a migration that takes a column which it has just added into the sums of a table. */
export const renewSums = (table: SummedTable): string => `
  DROP TRIGGER ${table.name}_sum_of_new;
  DROP TRIGGER ${table.name}_sum_of_changed;${sumRows(table)}`

function sumRows({ name, columns, key }: SummedTable): string {
  const sumOf = (prefix: string) => `${ROW_SUM}(${columns.map(column => prefix + column).join(', ')})`
  const same = key.map(column => `${column} = NEW.${column}`).join(' AND ')
  const refresh = `UPDATE ${name} SET sum = ${sumOf('NEW.')} WHERE ${same};`
  return `
  UPDATE ${name} SET sum = ${sumOf('')};
  CREATE TRIGGER ${name}_sum_of_new AFTER INSERT ON ${name} BEGIN ${refresh} END;
  CREATE TRIGGER ${name}_sum_of_changed AFTER UPDATE OF ${columns.join(', ')} ON ${name} BEGIN ${refresh} END;
  `
}

/** Rows of history up to which it too is looked through at every opening. */
const SMALL_HISTORY = 5000

/**
 * Looks through the rows that are in use and the indexes by which they are found. What it costs does not grow with history;
 * rows of a long history are looked at when they are read, or with `all`.
 * @throws HoldfastError `state-corrupt`, naming the table
 */
export function checkDamage(
  db: DatabaseSync,
  description: DatabaseDescription,
  options: { readonly all?: boolean } = {},
): void {
  const looked = description.tables.filter(table => !table.history || options.all || isSmall(db, table))
  // With all of its tables also what belongs to none: free pages.
  if (looked.length === description.tables.length) checkStructure(db, 'PRAGMA integrity_check(1)', description)
  else for (const { name } of looked) checkStructure(db, `PRAGMA integrity_check('${name}')`, description)
  for (const table of looked) checkSums(db, table, description)
}

const isSmall = (db: DatabaseSync, { name }: SummedTable): boolean =>
  db.prepare(`SELECT 1 FROM ${name} LIMIT 1 OFFSET ${SMALL_HISTORY}`).get() === undefined

function checkSums(db: DatabaseSync, { name, columns, key }: SummedTable, description: DatabaseDescription): void {
  const wrong = `sum IS NOT ${ROW_SUM}(${columns.join(', ')})`
  const row = db
    .prepare(`SELECT ${key.join(" || ' ' || ")} AS row FROM ${name} NOT INDEXED WHERE ${wrong} LIMIT 1`)
    .get()
  if (row) throw damaged(description, `table ${name}: row ${String(row.row).slice(0, 80)} is not as it was written`)
}

function checkStructure(db: DatabaseSync, check: string, description: DatabaseDescription): void {
  const said = Object.values(db.prepare(check).get() ?? {})[0]
  if (said !== 'ok') throw damaged(description, String(said).slice(0, 200))
}

/** The way to restore is the description's. */
export const damaged = ({ noun, path, restoreHint }: DatabaseDescription, what: string): HoldfastError =>
  new HoldfastError('corrupt', 'state-corrupt', `the ${noun} ${path} is damaged: ${what}`, {
    details: { left: 'nothing was changed in it', hint: restoreHint },
  })
