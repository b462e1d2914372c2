import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { Secret } from '#src/core/secret.ts'
import { fileError } from './file-error.ts'

/** `O_TMPFILE` of the Linux ABI, which node:fs does not name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

/**
 * For tools that take a secret from a file that they open by name and cannot open our stdin, which is a socket: a file
 * descriptor of ours to a file in memory that never has a name. `work` gets a path that leads to it while it runs;
 * afterwards the bytes are overwritten. Synchronous: it is memory, and a few bytes.
 */
export async function withMemoryFile<T>(secret: Secret, work: (path: string) => Promise<T>): Promise<T> {
  const descriptor = openInMemory()
  try {
    overwrite(descriptor, secret.reveal())
    return await work(pathOf(descriptor))
  } finally {
    try {
      overwrite(descriptor, new Uint8Array(secret.length))
    } finally {
      closeSync(descriptor)
    }
  }
}

/** A file in memory that never has a name, for a tool to write and another to read. */
export interface ScratchFile {
  /** Leads to it while `work` runs. */
  readonly path: string
  /** Bytes; what is new reads as zeros and takes no memory. */
  resize(bytes: number): void
}

/** As `withMemoryFile`, for what is no secret: empty at first, and gone when `work` has settled. */
export async function withScratchFile<T>(work: (file: ScratchFile) => Promise<T>): Promise<T> {
  const descriptor = openInMemory()
  try {
    return await work({ path: pathOf(descriptor), resize: bytes => ftruncateSync(descriptor, bytes) })
  } finally {
    closeSync(descriptor)
  }
}

const pathOf = (descriptor: number): string => `/proc/${process.pid}/fd/${descriptor}`

function openInMemory(): number {
  try {
    return openSync('/dev/shm', O_TMPFILE | constants.O_RDWR, 0o600)
  } catch (error) {
    throw fileError(error, 'make a file in memory in', '/dev/shm')
  }
}

function overwrite(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, done)
  }
}
