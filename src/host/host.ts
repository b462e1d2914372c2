import type { Clock } from '#src/core/clock.ts'
import type { Random } from '#src/core/random.ts'

/** Programs that Holdfast may run, by name; where each lies is found once, outside `$PATH`. */
export type Tool = 'blockdev' | 'cryptsetup' | 'dmsetup' | 'ip' | 'losetup' | 'qemu-img' | 'qemu-system-x86_64'

export interface CommandRequest {
  readonly tool: Tool
  /** Given as they are; there is no shell. Never a secret (I6). */
  readonly args: readonly string[]
  /** Written to stdin, then end of file. The way for secrets. */
  readonly input?: Uint8Array
  /** Killed after this; 60 s unless told. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal | undefined
  /** Exit codes that are an answer and not a failure; [0] unless told. */
  readonly okCodes?: readonly number[]
}

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface FileFacts {
  readonly kind: 'file' | 'block' | 'directory' | 'other'
  /** Bytes; of a block device the device's size. */
  readonly size: number
  /** Bytes really allocated. */
  readonly allocated: number
  /** Lower nine bits of the mode. */
  readonly mode: number
  readonly uid: number
  /** `<inode>:<birth time in ns>` */
  readonly inode: string
  /** `<major>:<minor>`: of a device node the device itself, otherwise the file system that the file lies on. */
  readonly device: string
}

/** Files of this host. All paths are absolute. Failures are HoldfastErrors: `no-space`, `forbidden`, `io-error`. */
export interface HostFiles {
  /** What is there, links followed; undefined if nothing is. */
  stat(path: string): Promise<FileFacts | undefined>
  /** The path with every link followed; undefined if nothing is there. */
  realPath(path: string): Promise<string | undefined>
  /** The whole file; undefined if there is none. For small files. */
  read(path: string): Promise<Uint8Array | undefined>
  /** `length` bytes from `offset`, fewer at the end of the file. */
  readAt(path: string, offset: number, length: number): Promise<Uint8Array>
  /** Writes beside it, syncs, renames over, syncs the folder: after a crash the old or the new content, never half. */
  writeAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void>
  /** A new sparse file of this size, synced; `conflict` if something is there. */
  createSparse(path: string, size: number, mode: number): Promise<void>
  /** Grows (sparse) or cuts the file. */
  truncate(path: string, size: number): Promise<void>
  /** A copy that keeps holes (a reflink where the file system can); `conflict` if the target is there. */
  copySparse(from: string, to: string, mode: number, signal?: AbortSignal): Promise<void>
  /**
   * For a file that a program writes: does `work`, then syncs. Fails with `io-error` if anything that was written meanwhile, by
   * whomever, did not reach the disk; programs drop that (QEMU's `qemu-img convert`, cryptsetup).
   */
  synced<T>(path: string, work: () => Promise<T>): Promise<T>
  rename(from: string, to: string): Promise<void>
  /** True if there was something to remove. */
  remove(path: string): Promise<boolean>
  list(directory: string): Promise<readonly string[]>
  makeDirectory(path: string, mode: number): Promise<void>
  /** Bytes that may still be written to the file system that holds this path. */
  freeBytes(path: string): Promise<number>
  /** Bytes that this file system holds in all. */
  totalBytes(path: string): Promise<number>
}

/** The only door to this machine: its programs, files, time and randomness. */
export interface Host {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly files: HostFiles
  /**
   * Runs a program and waits for it.
   * @throws HoldfastError `command-failed` (exit code not in `okCodes`), `command-missing`, `timeout`
   */
  run(request: CommandRequest): Promise<CommandResult>
}
