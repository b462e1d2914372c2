import type { Change } from '#src/core/change.ts'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import type { DiskSource } from '#src/core/disk.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { describeHolders, devicesOver, Holders, holdersOf } from '#src/host/holders.ts'
import type { Host } from '#src/host/host.ts'
import {
  attachLoop,
  detachLoop,
  type LoopFacts,
  listLoops,
  loopsOver,
  readLoop,
  readLoopMode,
  refreshLoop,
} from '#src/host/loop.ts'
import type { Connected, Connector, SourceFacts } from '../connector.ts'
import { type Identified, identify, identifyOrNothing } from './identify.ts'
import { checkPoolPath, volumeOfPoolPath } from './pool-path.ts'

export interface LocalConnectorOptions {
  /** Absolute; the only folder that volumes may lie in. */
  readonly pool: string
}

/**
 * Volumes of the embedded pool. A pool file is a disk source as it is; where a block device is wanted it gets a loop
 * device, which is found again by the inode below it, so that nothing needs to be remembered.
 */
export class LocalConnector implements Connector<LocalConnectionInfo> {
  readonly protocol = 'local'
  readonly #host: Host
  readonly #pool: string

  constructor(host: Host, options: LocalConnectorOptions) {
    this.#host = host
    this.#pool = options.pool
  }

  async check(info: LocalConnectionInfo, signal?: AbortSignal): Promise<DiskSource> {
    signal?.throwIfAborted()
    await this.#checkInfo(info)
    return source(info, await identify(this.#host, info))
  }

  async connect(info: LocalConnectionInfo, options: { asBlock: boolean }, signal?: AbortSignal): Promise<Connected> {
    signal?.throwIfAborted()
    await this.#checkInfo(info)
    const found = await identify(this.#host, info)
    if (!options.asBlock || found.facts.kind === 'block') return { change: 'already', source: source(info, found) }
    const standing = await this.#findLoop(info, signal)
    if (standing) {
      const change = await this.#refresh(standing, found, signal)
      return { change, source: source(info, found, standing.path) }
    }
    return { change: 'made', source: source(info, found, await this.#attach(info, found, signal)) }
  }

  async disconnect(info: LocalConnectionInfo, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    const own = await this.#isOwn(info)
    const loops = loopsOver(await listLoops(this.#host, signal), await this.#kernelPath(info), own)
    for (const loop of loops) await this.#detach(info.volume_id, loop, signal)
    return loops.length > 0 ? 'made' : 'already'
  }

  async probe(
    info: LocalConnectionInfo,
    options: { asBlock: boolean },
    signal?: AbortSignal,
  ): Promise<DiskSource | undefined> {
    signal?.throwIfAborted()
    await this.#checkInfo(info)
    if (!(await this.#host.files.stat(info.data.device_path))) return undefined
    const found = await identify(this.#host, info)
    if (!options.asBlock || found.facts.kind === 'block') return source(info, found)
    const loop = await this.#findLoop(info, signal)
    return loop && (await this.#hasSize(loop, found)) ? source(info, found, loop.path) : undefined
  }

  async list(signal?: AbortSignal): Promise<readonly SourceFacts[]> {
    const loops = (await listLoops(this.#host, signal)).toSorted((a, b) => byPath(a.path, b.path))
    const pool = await this.#realPool()
    const holders = new Holders(this.#host)
    return await Promise.all(
      loops.map(async ({ path, backingPath }) => ({
        path,
        volumeId: volumeOfPoolPath(pool, backingPath),
        over: backingPath,
        holders: await holders.of(path),
      })),
    )
  }

  async remove({ path, over }: SourceFacts, signal?: AbortSignal): Promise<Change> {
    const volume = volumeOfPoolPath(await this.#realPool(), over)
    if (volume === undefined) {
      const message = `${path} over ${over} is not a device of the pool ${this.#pool}; it is not detached`
      throw new HoldfastError('unsafe', 'wrong-device', message, {
        details: { layer: 'connection', left: 'it was not touched' },
      })
    }
    const loop = (await listLoops(this.#host, signal)).find(other => other.path === path && other.backingPath === over)
    if (!loop) return 'already'
    await this.#detach(volume, loop, signal)
    return 'made'
  }

  async #realPool(): Promise<string> {
    return (await this.#host.files.realPath(this.#pool)) ?? this.#pool
  }

  async #checkInfo(info: LocalConnectionInfo): Promise<void> {
    if (info.host !== this.#host.name) {
      throw new HoldfastError(
        'unsafe',
        'wrong-host',
        `connection info of volume ${info.volume_id} was made for host '${info.host}', this is '${this.#host.name}'`,
        { details: { volume: info.volume_id, layer: 'connection', left: 'nothing was touched' } },
      )
    }
    await checkPoolPath(this.#host, this.#pool, info.data.device_path)
  }

  /** Of a disk that fails nothing can be looked at: there the name that the kernel keeps for a loop device must do. */
  async #isOwn(info: LocalConnectionInfo): Promise<boolean> {
    try {
      await this.#checkInfo(info)
      return (await identifyOrNothing(this.#host, info)) !== undefined
    } catch (error) {
      if (hasCode(error, 'io-error')) return true
      throw error
    }
  }

  /** The path as the kernel keeps it for a loop device, links followed; also of a file that is gone. */
  async #kernelPath(info: LocalConnectionInfo): Promise<string> {
    return (await this.#realPool()) + info.data.device_path.slice(this.#pool.length)
  }

  /** A loop device over this very file that serves: all of it, and writable if it should be. */
  async #findLoop(info: LocalConnectionInfo, signal?: AbortSignal): Promise<LoopFacts | undefined> {
    const readonly = info.data.access_mode === 'ro'
    const path = await this.#kernelPath(info)
    for (const loop of await listLoops(this.#host, signal)) {
      if (loop.backingPath !== path) continue
      const mode = await readLoopMode(this.#host, loop)
      if (mode?.whole && mode.readonly === readonly) return loop
    }
    return undefined
  }

  async #attach(info: LocalConnectionInfo, found: Identified, signal?: AbortSignal): Promise<string> {
    const path = await attachLoop(this.#host, info.data.device_path, {
      readonly: info.data.access_mode === 'ro',
      signal,
    })
    const loop = await readLoop(this.#host, path)
    const facts = await this.#host.files.stat(info.data.device_path)
    const same = facts?.inode === found.facts.inode && facts.device === found.facts.device
    if (same && loop?.backingPath === (await this.#kernelPath(info))) return path
    if (loop) await detachLoop(this.#host, loop, signal)
    throw new HoldfastError(
      'unsafe',
      'wrong-device',
      `${info.data.device_path} was replaced while volume ${info.volume_id} was being connected`,
      { details: { volume: info.volume_id, layer: 'connection' } },
    )
  }

  /** A loop device keeps the size that its file had; the file may have grown since. */
  async #refresh(loop: LoopFacts, found: Identified, signal?: AbortSignal): Promise<Change> {
    if (await this.#hasSize(loop, found)) return 'already'
    await refreshLoop(this.#host, loop.path, signal)
    return 'made'
  }

  async #hasSize(loop: LoopFacts, found: Identified): Promise<boolean> {
    return (await this.#host.files.stat(loop.path))?.size === found.facts.size
  }

  async #detach(volumeId: string, loop: LoopFacts, signal?: AbortSignal): Promise<void> {
    const device = (await this.#host.files.stat(loop.path))?.device
    const over = device === undefined ? [] : await devicesOver(this.#host, device)
    if (over.length > 0) throw busy(volumeId, loop, over)
    if (await detachLoop(this.#host, loop, signal)) return
    throw busy(volumeId, loop, await holdersOf(this.#host, loop.path))
  }
}

const source = (info: LocalConnectionInfo, { facts, luksUuid }: Identified, block?: string): DiskSource => ({
  kind: block === undefined && facts.kind === 'file' ? 'file' : 'block',
  path: block ?? info.data.device_path,
  sizeBytes: facts.size,
  identity: { inode: facts.inode, luksUuid },
})

const busy = (volumeId: string, loop: LoopFacts, holders: readonly string[]) =>
  new HoldfastError(
    'busy',
    'busy',
    `${loop.path} of volume ${volumeId} cannot be detached: ${describeHolders(holders)}`,
    {
      details: {
        volume: volumeId,
        layer: 'connection',
        left: `${loop.path} over ${loop.backingPath}`,
        hint: 'end what holds it, then try again',
      },
    },
  )

const byPath = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : 1)
