import { type ErrorKind, HoldfastError, isHoldfastError } from '#src/core/error.ts'

interface Meaning {
  readonly kind: ErrorKind
  readonly code: string
  readonly words: string
  readonly hint?: string
}

const FORBIDDEN = {
  kind: 'forbidden',
  code: 'forbidden',
  words: 'permission denied',
  hint: 'most verbs need root',
} as const

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: { kind: 'no-space', code: 'no-space', words: 'no space left', hint: 'free some space on that file system' },
  EDQUOT: {
    kind: 'no-space',
    code: 'no-space',
    words: 'disk quota exceeded',
    hint: 'raise the quota or free some space',
  },
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: { kind: 'forbidden', code: 'read-only', words: 'the file system is read-only' },
  EEXIST: { kind: 'conflict', code: 'conflict', words: 'something is there already' },
  ENOENT: { kind: 'not-found', code: 'file-not-found', words: 'no such file or folder' },
  ENOTDIR: { kind: 'not-found', code: 'file-not-found', words: 'a part of the path is no folder' },
}

/** A failed system call as a HoldfastError that says what was being done to which path. */
export function fileError(error: unknown, doing: string, path: string): HoldfastError {
  if (isHoldfastError(error)) return error
  const errno = errnoOf(error)
  const meaning = (errno !== undefined && MEANINGS[errno]) || {
    kind: 'host-command' as const,
    code: 'io-error',
    words: errno ?? (error instanceof Error ? error.message : String(error)),
  }
  return new HoldfastError(meaning.kind, meaning.code, `could not ${doing} ${path}: ${meaning.words}`, {
    cause: error,
    details: { hint: 'hint' in meaning ? meaning.hint : undefined },
  })
}

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** Runs `work`; what it throws becomes a `fileError`. An abort passes as it is. */
export async function onFile<T>(doing: string, path: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error
    throw fileError(error, doing, path)
  }
}
