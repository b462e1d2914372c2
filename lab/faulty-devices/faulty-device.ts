import { execFile } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a tool printed, without the line's end. */
export const output = async (tool: string, ...args: string[]): Promise<string> => (await run(tool, args)).stdout.trim()

const SECTOR = 512

/** Bytes, the end not included. */
export type Range = readonly [from: number, to: number]

/**
 * A block device of which any part can be made to fail at any time, and to come back: a device-mapper device whose table is
 * exchanged under whoever has it open.
 */
export class FaultyDevice implements AsyncDisposable {
  readonly path: string
  readonly bytes: number
  readonly #name: string
  readonly #folder: string
  readonly #loop: string

  private constructor(name: string, folder: string, loop: string, bytes: number) {
    this.path = `/dev/mapper/${name}`
    this.bytes = bytes
    this.#name = name
    this.#folder = folder
    this.#loop = loop
  }

  static async make(name: string, bytes: number): Promise<FaultyDevice> {
    const folder = await mkdtemp('/dev/shm/faulty-')
    const file = join(folder, 'backing')
    await writeFile(file, '')
    await truncate(file, bytes)
    const device = new FaultyDevice(name, folder, await output('losetup', '--find', '--show', file), bytes)
    await output('dmsetup', 'create', name, '--table', device.#linear([0, bytes]))
    await output('udevadm', 'settle', '--timeout=30')
    return device
  }

  /** Reading and writing of these parts fails with EIO; of the whole unless told. What is cached is dropped. */
  async fail(...ranges: readonly Range[]): Promise<void> {
    await this.#switchTo(this.#tableWith(ranges, ([from, to]) => `${from / SECTOR} ${(to - from) / SECTOR} error`))
    await this.#forget()
  }

  /** All is read, nothing can be written to these parts; to the whole unless told. */
  async failWrites(...ranges: readonly Range[]): Promise<void> {
    await this.#switchTo(this.#tableWith(ranges, range => this.#flakey(range, 'error_writes')))
  }

  /** As a disk that says yes and loses what it is given, until it is back. */
  async dropWrites(): Promise<void> {
    await this.#switchTo(this.#flakey([0, this.bytes], 'drop_writes'))
  }

  async comeBack(): Promise<void> {
    await this.#switchTo(this.#linear([0, this.bytes]))
    await this.#forget()
  }

  /** Without `--noflush` it would wait for writes that can never be done. */
  async #switchTo(table: string): Promise<void> {
    await output('dmsetup', 'suspend', '--nolockfs', '--noflush', this.#name)
    await output('dmsetup', 'load', this.#name, '--table', table)
    await output('dmsetup', 'resume', this.#name)
  }

  async #forget(): Promise<void> {
    await output('blockdev', '--flushbufs', this.path).catch(() => {})
    await writeFile('/proc/sys/vm/drop_caches', '3')
  }

  #tableWith(ranges: readonly Range[], fault: (range: Range) => string): string {
    const failing: readonly Range[] = ranges.length === 0 ? [[0, this.bytes]] : ranges
    const parts: string[] = []
    let at = 0
    for (const [from, to] of failing) {
      if (from > at) parts.push(this.#linear([at, from]))
      parts.push(fault([from, to]))
      at = to
    }
    if (at < this.bytes) parts.push(this.#linear([at, this.bytes]))
    return parts.join('\n')
  }

  /** Up for no second, down for an hour. */
  #flakey([from, to]: Range, how: 'error_writes' | 'drop_writes'): string {
    return `${from / SECTOR} ${(to - from) / SECTOR} flakey ${this.#loop} ${from / SECTOR} 0 3600 1 ${how}`
  }

  #linear([from, to]: Range): string {
    return `${from / SECTOR} ${(to - from) / SECTOR} linear ${this.#loop} ${from / SECTOR}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await output('dmsetup', 'remove', '--retry', this.#name)
    await output('losetup', '--detach', this.#loop)
    await rm(this.#folder, { recursive: true })
  }
}
