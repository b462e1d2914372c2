import type { ErrorKind } from '#src/core/error.ts'
import { HoldfastError, isHoldfastError } from '#src/core/error.ts'

/** By SQLite's primary result code (sqlite.org/rescode.html): kind, code, what it means, what to do. */
const MEANING: Readonly<Record<number, readonly [ErrorKind, string, string, string]>> = {
  5: ['busy', 'busy', 'is held by another process', 'run the command again when the other one has ended'],
  6: ['busy', 'busy', 'is held by another process', 'run the command again when the other one has ended'],
  8: ['forbidden', 'forbidden', 'cannot be written', 'run as the user that owns the state directory'],
  10: ['unavailable', 'io-error', 'could not be read or written', 'look at the kernel log and at the file system'],
  11: [
    'corrupt',
    'state-corrupt',
    'is damaged',
    'restore it from a backup; the files of the pool are not touched by that',
  ],
  13: [
    'no-space',
    'no-space',
    'has no space left; nothing was changed',
    'free space on its file system, then try again',
  ],
  14: [
    'forbidden',
    'forbidden',
    'cannot be opened',
    'run as the user that owns the state directory, or name another one',
  ],
  26: [
    'corrupt',
    'state-corrupt',
    'is not a database',
    'restore it from a backup; the files of the pool are not touched by that',
  ],
}

/** Any failure of SQLite as the error that the port promises; `path` is the database's. */
export function databaseError(error: unknown, path: string): HoldfastError {
  if (isHoldfastError(error)) return error
  const said = error instanceof Error ? error.message : String(error)
  const number = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  const meaning = MEANING[number]
  if (!meaning) return new HoldfastError('internal', 'internal', `volume database ${path}: ${said}`, { cause: error })
  const [kind, code, what, hint] = meaning
  return new HoldfastError(kind, code, `the volume database ${path} ${what} (SQLite: ${said})`, {
    cause: error,
    details: { hint },
  })
}

export const corruptRow = (path: string, what: string) =>
  new HoldfastError('corrupt', 'state-corrupt', `the volume database ${path} holds what it must not: ${what}`, {
    details: { hint: 'restore it from a backup; the files of the pool are not touched by that' },
  })
