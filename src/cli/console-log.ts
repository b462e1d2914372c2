import { watch } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'

const CHUNK = 64 * 1024

/** A log that grows, may be cut, and may be replaced by another of the same name. */
export class ConsoleLog {
  readonly #path: string
  readonly #emit: (bytes: Uint8Array) => void
  #position = 0
  #inode: number | undefined

  constructor(path: string, emit: (bytes: Uint8Array) => void) {
    this.#path = path
    this.#emit = emit
  }

  /** Emits what was written since the last call. False if there is no such file. */
  async read(signal?: AbortSignal): Promise<boolean> {
    try {
      await using file = await open(this.#path)
      const { ino, size } = await file.stat()
      if (ino !== this.#inode || size < this.#position) this.#position = 0
      this.#inode = ino
      const buffer = new Uint8Array(CHUNK)
      while (!signal?.aborted) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK, this.#position)
        if (bytesRead === 0) break
        this.#position += bytesRead
        this.#emit(buffer.slice(0, bytesRead))
      }
      return true
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw readError(this.#path, error)
    }
  }

  /** Emits what is there and what comes, until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const folder = dirname(this.#path)
    await stat(folder).catch(error => {
      throw readError(folder, error)
    })
    const wake = new Wake()
    // The folder and not the file, so that a log that is made later or anew is followed too.
    const watcher = watch(folder, (_, name) => {
      if (name === null || name === basename(this.#path)) wake.up()
    })
    signal.addEventListener('abort', () => wake.up(), { once: true })
    watcher.on('error', () => wake.up())
    try {
      while (!signal.aborted) {
        await this.read(signal)
        await wake.wait(signal)
      }
    } finally {
      watcher.close()
    }
  }
}

/** A wake-up that is not lost when it comes before the waiting. */
class Wake {
  #awake = false
  #resolve: (() => void) | undefined

  up(): void {
    this.#awake = true
    this.#resolve?.()
  }

  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#awake && !signal.aborted) {
      await new Promise<void>(resolve => {
        this.#resolve = resolve
      })
    }
    this.#awake = false
    this.#resolve = undefined
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

function readError(path: string, error: unknown): HoldfastError {
  const denied = codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM'
  const why = error instanceof Error ? error.message : String(error)
  return new HoldfastError(
    denied ? 'forbidden' : 'not-found',
    denied ? 'forbidden' : 'console-log-not-found',
    `cannot read the console log ${path}: ${why}`,
    { cause: error, details: { hint: denied ? 'read it as root' : 'start the instance first' } },
  )
}
