import { constants, type FileHandle, open } from 'node:fs/promises'
import type { Secret } from '#src/core/secret.ts'
import { onFile } from './file-error.ts'

/** `O_TMPFILE` of the Linux ABI, which node:fs does not name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

/**
 * For tools that take a secret from a file that they open by name and cannot open our stdin, which is a socket: a file
 * descriptor of ours to a file in memory that never has a name. `work` gets a path that leads to it while it runs;
 * afterwards the bytes are overwritten.
 */
export async function withMemoryFile<T>(secret: Secret, work: (path: string) => Promise<T>): Promise<T> {
  const file = await onFile('make a file in memory in', '/dev/shm', () =>
    open('/dev/shm', O_TMPFILE | constants.O_RDWR, 0o600),
  )
  try {
    await overwrite(file, secret.reveal())
    return await work(`/proc/${process.pid}/fd/${file.fd}`)
  } finally {
    try {
      await overwrite(file, new Uint8Array(secret.length))
    } finally {
      await file.close()
    }
  }
}

async function overwrite(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, done)).bytesWritten
  }
}
