import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { HoldfastError, isHoldfastError } from '#src/core/error.ts'

/** SQLite's primary result codes that mean something to a person (sqlite.org/rescode.html). */
const RESULT = {
  busy: 5,
  locked: 6,
  readonly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notADatabase: 26,
}

/** The primary result code of an error of node:sqlite; undefined for any other error. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}

export const isConstraint = (error: unknown): error is Error => resultCode(error) === RESULT.constraint

/** Any failure of SQLite as the error that the port promises; `path` is the database's. */
export function storeError(error: unknown, path: string): HoldfastError {
  if (isHoldfastError(error)) return error
  const said = error instanceof Error ? error.message : String(error)
  const make = (kind: HoldfastError['kind'], code: string, message: string, hint: string) =>
    new HoldfastError(kind, code, `${message} (SQLite: ${said})`, { cause: error, details: { hint } })
  switch (resultCode(error)) {
    case RESULT.full:
      return make(
        'no-space',
        'no-space',
        `no space left for the state database ${path}; nothing was changed`,
        'free space on its file system, then run the command again',
      )
    case RESULT.notADatabase:
    case RESULT.corrupt:
      return make(
        'corrupt',
        'state-corrupt',
        `the state database ${path} is damaged`,
        'restore it from a backup, or move it away to begin with an empty one; instances and volumes are not touched by that',
      )
    case RESULT.readonly:
      return make(
        'forbidden',
        'forbidden',
        `the state database ${path} cannot be written`,
        'run as the user that owns the state directory',
      )
    case RESULT.cannotOpen:
      return make(
        'forbidden',
        'forbidden',
        `cannot open the state database ${path}: ${whyNoOpen(path)}`,
        'run as the user that owns the state directory, or name another one',
      )
    case RESULT.busy:
    case RESULT.locked:
      return make(
        'busy',
        'busy',
        `the state database ${path} is held by another process`,
        'run the command again when the other one has ended',
      )
    case RESULT.ioError:
      return make(
        'unavailable',
        'io-error',
        `the disk below the state database ${path} failed`,
        'look at the kernel log and at the file system',
      )
    default:
      return new HoldfastError('internal', 'internal', `state database ${path}: ${said}`, { cause: error })
  }
}

function whyNoOpen(path: string): string {
  const directory = dirname(path)
  if (!existsSync(directory)) return `there is no directory ${directory}`
  try {
    accessSync(directory, constants.W_OK)
    return 'it cannot be read or written'
  } catch {
    return `the directory ${directory} cannot be written`
  }
}
