import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { Malformed, type Shape } from './shape.ts'

/** How one field of a record lies in its column. */
export interface Column<T> {
  readonly write: (value: T) => SQLInputValue
  readonly read: (value: SQLOutputValue | undefined, at: string) => T
}

/** A field that SQLite keeps as it is. */
export const plain = <T extends string | number>(shape: Shape<T>): Column<T> => ({
  write: value => value,
  read: shape,
})

/** 0 or 1. */
export const flag: Column<boolean> = {
  write: value => (value ? 1 : 0),
  read: (value, at) => {
    if (value === 0 || value === 1) return value === 1
    throw new Malformed(`${at} is not 0 or 1`)
  },
}

/** A structured value that no query looks into: JSON text, checked when it is read. */
export const json = <T>(shape: Shape<T>): Column<T> => ({
  write: value => JSON.stringify(value),
  read: (value, at) => shape(parse(value, at), at),
})

function parse(value: SQLOutputValue | undefined, at: string): unknown {
  if (typeof value !== 'string') throw new Malformed(`${at} is not text`)
  try {
    return JSON.parse(value)
  } catch {
    throw new Malformed(`${at} is not JSON`)
  }
}

/** NULL for a field that is left out. */
export const optional = <T>(column: Column<T>): Column<T | undefined> => ({
  write: value => (value === undefined ? null : column.write(value)),
  read: (value, at) => (value === null ? undefined : column.read(value, at)),
})
