import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import { systemRandom } from '#src/core/random.ts'
import { Secret } from '#src/core/secret.ts'
import { GIB, MIB } from '#src/core/sizes.ts'
import type { Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import type { FixtureSettings, TestImages, VolumeServiceFixture } from '../conformance.ts'
import { openLocalVolumes } from './open.ts'
import type { LocalVolumeConfig, LocalVolumeOptions, VolumeKeys } from './settings.ts'

/** For tests: a key store in memory. */
export class MemoryKeys implements VolumeKeys {
  readonly stored = new Map<string, Uint8Array>()

  async create(): Promise<string> {
    const id = systemRandom.uuid()
    this.stored.set(id, systemRandom.bytes(32))
    return id
  }

  async get(id: string): Promise<{ secret: Secret }> {
    const bytes = this.stored.get(id)
    if (!bytes) throw new HoldfastError('not-found', 'key-not-found', `there is no key ${id}`)
    return { secret: new Secret(bytes.slice()) }
  }

  async delete(id: string): Promise<'made' | 'already'> {
    return this.stored.delete(id) ? 'made' : 'already'
  }

  async list(): Promise<readonly string[]> {
    return [...this.stored.keys()]
  }
}

export const HOST_NAME = 'host-1'

/** For tests: a state directory of its own, and as many openings of it as are wanted. */
export class LocalBench implements AsyncDisposable {
  readonly folder: string
  readonly directory: string
  readonly keys = new MemoryKeys()
  readonly host: Host = createNodeHost({ name: HOST_NAME })
  readonly #opened: { close(): void }[] = []

  constructor(folder: string) {
    this.folder = folder
    this.directory = join(folder, 'state')
  }

  static async make(): Promise<LocalBench> {
    const bench = new LocalBench(await mkdtemp(join(tmpdir(), 'holdfast-volumes-')))
    await mkdir(bench.directory)
    return bench
  }

  options(more: Partial<LocalVolumeOptions> = {}, config: Partial<LocalVolumeConfig> = {}): LocalVolumeOptions {
    const quotas = { volumes: -1, gigabytes: -1, snapshots: -1 }
    return {
      host: this.host,
      directory: this.directory,
      keys: this.keys,
      config: { availabilityZone: 'zone-1', quotas, overcommit: true, ...config },
      hostName: HOST_NAME,
      ...more,
    }
  }

  async open(more: Partial<LocalVolumeOptions> = {}, config: Partial<LocalVolumeConfig> = {}) {
    const opened = await openLocalVolumes(this.options(more, config))
    this.#opened.push(opened.service)
    return opened
  }

  path(volumeId: string): string {
    return join(this.directory, 'pool', `volume-${volumeId}`)
  }

  async pool(): Promise<readonly string[]> {
    return (await this.host.files.stat(join(this.directory, 'pool')))
      ? await this.host.files.list(join(this.directory, 'pool'))
      : []
  }

  /** A raw file whose first MiB is `word`, over and over. */
  async raw(name: string, word: string, size = MIB): Promise<string> {
    const path = join(this.folder, name)
    const file = await open(path, 'w')
    await file.write(Buffer.alloc(Math.min(size, MIB), word))
    await file.truncate(size)
    await file.close()
    return path
  }

  async qemuImg(...args: string[]): Promise<void> {
    await this.host.run({ tool: 'qemu-img', args })
  }

  async images(): Promise<TestImages> {
    const raw = await this.raw('raw.img', 'image ')
    const at = (name: string) => join(this.folder, name)
    await this.qemuImg('convert', '-f', 'raw', '-O', 'qcow2', raw, at('one.qcow2'))
    await this.qemuImg('create', '-q', '-f', 'qcow2', '-b', raw, '-F', 'raw', at('backed.qcow2'))
    await this.qemuImg('convert', '-f', 'raw', '-O', 'vmdk', raw, at('one.vmdk'))
    await writeFile(at('empty.img'), '')
    return {
      raw,
      qcow2: at('one.qcow2'),
      large: await this.raw('large.img', 'large ', GIB + MIB),
      backed: at('backed.qcow2'),
      vmdk: at('one.vmdk'),
      empty: at('empty.img'),
      directory: this.folder,
      absent: at('absent.img'),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#opened) service.close()
    await rm(this.folder, { recursive: true })
  }
}

/** For the conformance suite. */
export async function localFixture({ quotas = {} }: FixtureSettings = {}): Promise<VolumeServiceFixture> {
  const bench = await LocalBench.make()
  const { service } = await bench.open({}, { quotas: { volumes: -1, gigabytes: -1, snapshots: -1, ...quotas } })
  return {
    service,
    hostName: HOST_NAME,
    availabilityZone: 'zone-1',
    images: () => bench.images(),
    hasKey: async id => bench.keys.stored.has(id),
    hideStorage: id => bench.host.files.rename(bench.path(id), `${bench.path(id)}.hidden`),
    showStorage: id => bench.host.files.rename(`${bench.path(id)}.hidden`, bench.path(id)),
    exchangeStorage: async id => {
      const { size = 0 } = (await bench.host.files.stat(bench.path(id))) ?? {}
      await bench.host.files.createSparse(`${bench.path(id)}.other`, size, 0o600)
      await bench.host.files.rename(`${bench.path(id)}.other`, bench.path(id))
    },
    dispose: () => bench[Symbol.asyncDispose](),
  }
}
