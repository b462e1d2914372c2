import { constants, copyFile, type FileHandle, open } from 'node:fs/promises'
import { errnoOf } from './file-error.ts'

const BLOCK = 2 ** 20
const ZEROS = Buffer.alloc(BLOCK)
/** The file system cannot share extents between these two: copy the bytes. */
const NO_REFLINK = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM'])

/**
 * Makes `to` share all extents with `from`, if the file system can; false if it cannot, and nothing is left then.
 * libuv gives the new file the mode of the old one, and removes it itself when cloning fails.
 */
export async function reflink(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno !== undefined && NO_REFLINK.has(errno)) return false
    throw error
  }
}

/** Copies what is not zero, block by block; what is zero becomes a hole. Syncs. */
export async function copyData(from: string, target: FileHandle, signal?: AbortSignal): Promise<void> {
  const source = await open(from, 'r')
  try {
    const block = Buffer.allocUnsafe(BLOCK)
    let offset = 0
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await source.read(block, 0, BLOCK, offset)
      if (bytesRead === 0) break
      const bytes = block.subarray(0, bytesRead)
      if (!isZero(bytes)) await writeAll(target, bytes, offset)
      offset += bytesRead
    }
    await target.truncate(offset)
    await target.sync()
  } finally {
    await source.close()
  }
}

export const isZero = (bytes: Uint8Array): boolean =>
  bytes.length <= BLOCK ? ZEROS.subarray(0, bytes.length).equals(bytes) : bytes.every(byte => byte === 0)

async function writeAll(target: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await target.write(bytes, done, bytes.length - done, offset + done)).bytesWritten
  }
}
