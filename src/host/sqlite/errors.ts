import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ErrorKind, HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { errnoOf } from '../file-error.ts'
import type { DatabaseDescription } from './description.ts'
import { isFull } from './room.ts'
import { damaged } from './sums.ts'

/** SQLite's primary result codes that mean something to a person (sqlite.org/rescode.html). */
const RESULT = {
  error: 1,
  busy: 5,
  locked: 6,
  readonly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  tooBig: 18,
  constraint: 19,
  notADatabase: 26,
}

interface Meaning {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly hint: string
}

export const isConstraint = (error: unknown): error is Error => resultCode(error) === RESULT.constraint

/** Any failure of SQLite as the error that the ports promise; one that is a HoldfastError already stays as it is. */
export function sqliteError(error: unknown, database: DatabaseDescription): HoldfastError {
  if (isHoldfastError(error)) return error
  const said = error instanceof Error ? error.message : String(error)
  // A number that no Holdfast has written.
  if (error instanceof RangeError) return damaged(database, said)
  const meaning = meaningOf(isStrangeSchema(error, said) ? RESULT.corrupt : resultCode(error), database)
  if (!meaning) {
    return new HoldfastError('internal', 'internal', `${database.noun} ${database.path}: ${said}`, { cause: error })
  }
  const { kind, code, message, hint } = meaning
  return new HoldfastError(kind, code, `${message} (SQLite: ${said})`, { cause: error, details: { hint } })
}

/** Our statements are fixed, and fit our schema: one that does not has been damaged in the file. */
const isStrangeSchema = (error: unknown, said: string): boolean =>
  resultCode(error) === RESULT.error &&
  /no such (column|table|index|collation|module)|has no column|unsupported file format|malformed|syntax error|unrecognized token|unknown datatype|duplicate column name|already exists/.test(
    said,
  )

/** The primary result code of an error of node:sqlite; undefined for any other error. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

function meaningOf(result: number | undefined, database: DatabaseDescription): Meaning | undefined {
  const { path, restoreHint } = database
  const name = `the ${database.noun} ${path}`
  // On a full disk it is the companion files that cannot be made, which SQLite tells as an I/O error.
  switch (result === RESULT.ioError && isFull(dirname(path)) ? RESULT.full : result) {
    case RESULT.full:
      return {
        kind: 'no-space',
        code: 'no-space',
        message: `no space left for ${name}; nothing was changed`,
        hint: 'free space on its file system, then run the command again',
      }
    case RESULT.tooBig:
    case RESULT.notADatabase:
    case RESULT.corrupt:
      return { kind: 'corrupt', code: 'state-corrupt', message: `${name} is damaged`, hint: restoreHint }
    case RESULT.readonly:
      return {
        kind: 'forbidden',
        code: 'forbidden',
        message: `${name} cannot be written`,
        hint: 'run as the user that owns the state directory',
      }
    case RESULT.cannotOpen:
      return {
        kind: 'forbidden',
        code: 'forbidden',
        message: `cannot open ${name}: ${whyNoOpen(path)}`,
        hint: 'run as the user that owns the state directory, or name another one',
      }
    case RESULT.busy:
    case RESULT.locked:
      return {
        kind: 'busy',
        code: 'busy',
        message: `${name} is held by another process`,
        hint: 'run the command again when the other one has ended',
      }
    case RESULT.ioError:
      return {
        kind: 'unavailable',
        code: 'io-error',
        message: `the disk below ${name} failed`,
        hint: 'look at the kernel log and at the file system',
      }
    default:
      return undefined
  }
}

function whyNoOpen(path: string): string {
  const directory = dirname(path)
  if (!existsSync(directory)) return `there is no directory ${directory}`
  try {
    accessSync(directory, constants.W_OK)
    return 'it cannot be read or written'
  } catch (error) {
    if (errnoOf(error) === 'EROFS') return 'its file system is read-only'
    return `the directory ${directory} cannot be written`
  }
}
