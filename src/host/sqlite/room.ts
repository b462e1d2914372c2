import { accessSync, constants, statfsSync } from 'node:fs'
import { errnoOf } from '../file-error.ts'

/** Less than SQLite needs for its companion files: 32 KiB of shared memory, and a few pages of log. */
const COMPANIONS = 64 * 1024

/** The folder's file system has no room for what SQLite puts beside a database. */
export function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize < COMPANIONS
  } catch {
    // It cannot be looked at: that is another failure, which is told by whoever meets it.
    return false
  }
}

export function isReadOnly(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return false
  } catch (error) {
    return errnoOf(error) === 'EROFS'
  }
}
