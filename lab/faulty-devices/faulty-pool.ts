import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GIB } from '#src/core/sizes.ts'
import type { CommandRequest, Host } from '#src/host/host.ts'
import { LocalBench } from '#src/volumes/local/testing.ts'
import { FaultyDevice, output, type Range } from './faulty-device.ts'

const BLOCK = 4096

/** An embedded volume service of which the pool, and nothing else, lies on a file system on a device that fails. */
export class FaultyPool implements AsyncDisposable {
  readonly bench: LocalBench
  readonly device: FaultyDevice

  private constructor(bench: LocalBench, device: FaultyDevice) {
    this.bench = bench
    this.device = device
  }

  get directory(): string {
    return join(this.bench.directory, 'pool')
  }

  static async make(): Promise<FaultyPool> {
    const pool = new FaultyPool(await LocalBench.make(), await FaultyDevice.make('lab-faulty', 4 * GIB))
    const sparing = ['-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard', '-J', 'size=4', '-b', String(BLOCK)]
    await output('mke2fs', '-q', '-t', 'ext4', ...sparing, pool.device.path)
    await mkdir(pool.directory)
    await output('mount', pool.device.path, pool.directory)
    return pool
  }

  /** The device is back, and its file system is mounted anew: what had reached the device is there. */
  async comeBack(): Promise<void> {
    await output('umount', this.directory)
    await this.device.comeBack()
    await output('mount', this.device.path, this.directory)
  }

  /** Where the file system's journal lies: without it data can be written, but nothing that says where it is. */
  async journal(): Promise<Range> {
    const text = await output('debugfs', '-R', 'stat <8>', this.device.path)
    const [, first, last] = /\(0-\d+\):(\d+)-(\d+)/.exec(text) ?? []
    return [Number(first) * BLOCK, (Number(last) + 1) * BLOCK]
  }

  /** A host on which `happen` comes about right before the first command with this argument. */
  before(argument: string, happen: () => Promise<void>): Host {
    const { host } = this.bench
    let done = false
    return {
      ...host,
      run: async (request: CommandRequest) => {
        if (!done && request.args.includes(argument)) {
          done = true
          await happen()
        }
        return await host.run(request)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await output('umount', this.directory)
    await this.device.comeBack()
    await this.device[Symbol.asyncDispose]()
    await this.bench[Symbol.asyncDispose]()
  }
}
