import type { Connected, Connector, SourceFacts } from '#src/connectors/connector.ts'
import type { Change } from '#src/core/change.ts'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import type { DiskSource } from '#src/core/disk.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { backingName } from './sysfs-blocks.ts'
import type { SimFile, SimLoop, World } from './world.ts'

type Options = { readonly asBlock: boolean }

/** The simulated twin of the connector for the embedded pool: files and loop devices of a simulated world. */
export class SimConnector implements Connector<LocalConnectionInfo> {
  readonly protocol = 'local'
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  check(info: LocalConnectionInfo, signal?: AbortSignal): Promise<DiskSource> {
    return this.#world.look(
      `connector check ${info.volume_id}`,
      () => {
        this.#checkHost(info)
        return sourceOf(info, this.#identify(info))
      },
      signal,
    )
  }

  async connect(info: LocalConnectionInfo, options: Options, signal?: AbortSignal): Promise<Connected> {
    const source = await this.check(info, signal)
    if (!options.asBlock || source.kind === 'block') return { change: 'already', source }
    const attach = () => this.#attach(info)
    return await this.#world.effect(`losetup attach ${info.data.device_path}`, attach, signal)
  }

  #attach(info: LocalConnectionInfo): Connected {
    const file = this.#identify(info)
    const standing = this.#loopsOver(file)[0]
    if (standing) return { change: 'already', source: sourceOf(info, file, standing.path) }
    const { loops } = this.#world
    let number = 0
    while (loops.has(`/dev/loop${number}`)) number++
    const path = `/dev/loop${number}`
    loops.set(path, { path, file, backingPath: info.data.device_path })
    return { change: 'made', source: sourceOf(info, file, path) }
  }

  async disconnect(info: LocalConnectionInfo, signal?: AbortSignal): Promise<Change> {
    const loops = await this.#world.look(`connector find ${info.volume_id}`, () => this.#ours(info), signal)
    for (const loop of loops) {
      await this.#world.effect(`losetup detach ${loop.path}`, () => this.#detach(info.volume_id, loop), signal)
    }
    return loops.length > 0 ? 'made' : 'already'
  }

  /** Loop devices over the volume's own file, or over one that had its path and is gone. */
  #ours(info: LocalConnectionInfo): readonly SimLoop[] {
    this.#checkHost(info)
    const own = this.#identifyOrNothing(info)
    const present = new Set(this.#world.files.values())
    return [...this.#world.loops.values()].filter(
      ({ file, backingPath }) => file === own || (backingPath === info.data.device_path && !present.has(file)),
    )
  }

  #detach(volumeId: string, loop: SimLoop): void {
    const holders = this.#world.holders(loop.path)
    if (holders.length === 0) {
      this.#world.loops.delete(loop.path)
      return
    }
    throw new HoldfastError(
      'busy',
      'busy',
      `${loop.path} of volume ${volumeId} cannot be detached: held by ${holders.join(', ')}`,
      { details: { volume: volumeId, layer: 'connection' } },
    )
  }

  probe(info: LocalConnectionInfo, options: Options, signal?: AbortSignal): Promise<DiskSource | undefined> {
    return this.#world.look(`connector probe ${info.volume_id}`, () => this.#probe(info, options), signal)
  }

  #probe(info: LocalConnectionInfo, options: Options): DiskSource | undefined {
    this.#checkHost(info)
    if (!this.#world.files.has(info.data.device_path)) return undefined
    const file = this.#identify(info)
    if (!options.asBlock || file.kind === 'block') return sourceOf(info, file)
    const loop = this.#loopsOver(file)[0]
    return loop && sourceOf(info, file, loop.path)
  }

  list(signal?: AbortSignal): Promise<readonly SourceFacts[]> {
    const facts = () =>
      [...this.#world.loops.values()]
        .toSorted((a, b) => a.path.length - b.path.length || (a.path < b.path ? -1 : 1))
        .map(loop => this.#facts(loop))
    return this.#world.look('losetup list', facts, signal)
  }

  #facts(loop: SimLoop): SourceFacts {
    const over = backingName(this.#world, loop)
    return { path: loop.path, volumeId: volumeOf(fileName(over)), over, holders: this.#world.holders(loop.path) }
  }

  async remove({ path, over }: SourceFacts, signal?: AbortSignal): Promise<Change> {
    const volumeId = volumeOf(fileName(over))
    if (volumeId === undefined) {
      throw new HoldfastError('unsafe', 'wrong-device', `${path} over ${over} is not a device of the pool`)
    }
    const find = () => {
      const loop = this.#world.loops.get(path)
      return loop && this.#facts(loop).over === over ? loop : undefined
    }
    const loop = await this.#world.look(`losetup find ${path}`, find, signal)
    if (!loop) return 'already'
    await this.#world.effect(`losetup detach ${path}`, () => this.#detach(volumeId, loop), signal)
    return 'made'
  }

  #loopsOver(file: SimFile): readonly SimLoop[] {
    return [...this.#world.loops.values()].filter(loop => loop.file === file)
  }

  #checkHost(info: LocalConnectionInfo): void {
    if (info.host === this.#world.hostName) return
    throw refuse(info, 'unsafe', 'wrong-host', `was made for host '${info.host}', this is '${this.#world.hostName}'`)
  }

  #identifyOrNothing(info: LocalConnectionInfo): SimFile | undefined {
    const there = this.#world.files.get(info.data.device_path)
    if (there?.kind === 'file' && there.inode === info.data.inode) return there
    try {
      return this.#identify(info)
    } catch (error) {
      if (hasCode(error, 'storage-absent') || hasCode(error, 'wrong-device')) return undefined
      throw error
    }
  }

  /** The same rules as the real one (`src/connectors/local/identify.ts`). */
  #identify(info: LocalConnectionInfo): SimFile {
    const { device_path: path, luks_uuid: wanted, inode, size_bytes: size } = info.data
    const file = this.#world.files.get(path)
    if (!file) throw refuse(info, 'unavailable', 'storage-absent', `is not there: nothing at ${path}`)
    const uuid = readableUuid(file)
    if (file.sizeBytes !== size) throw this.#wrong(info, `found ${file.sizeBytes} bytes where ${size} were expected`)
    if (wanted !== undefined && uuid !== undefined && uuid !== wanted) {
      throw this.#wrong(info, `found the LUKS header of volume ${uuid}`)
    }
    if (file.inode === inode || (uuid !== undefined && uuid === wanted)) return file
    throw this.#wrong(info, `found another file (inode ${file.inode}, expected ${inode})`)
  }

  #wrong(info: LocalConnectionInfo, found: string): HoldfastError {
    const elsewhere = [...this.#world.files].find(([, file]) => file.inode === info.data.inode)?.[0]
    const where = elsewhere === undefined ? '' : `; the volume's own file is at ${elsewhere}`
    const message = `${info.data.device_path} is not volume ${info.volume_id}: ${found}${where}`
    return new HoldfastError('unsafe', 'wrong-device', message, {
      details: { volume: info.volume_id, layer: 'connection', left: 'nothing was touched' },
    })
  }
}

/** By the names that the simulated volume service gives to its files. */
const volumeOf = (path: string): string | undefined =>
  /^(?:\/pool|\/var\/lib\/holdfast\/volumes\/pool)\/volume-([0-9a-f-]{36})$/.exec(path)?.[1]

/** Without the kernel's word for a file that is gone. */
const fileName = (over: string): string => over.replace(/ \(deleted\)$/, '')

const readableUuid = (file: SimFile): string | undefined => (file.luks?.damaged ? undefined : file.luks?.uuid)

const sourceOf = (info: LocalConnectionInfo, file: SimFile, block?: string): DiskSource => ({
  kind: block === undefined && file.kind === 'file' ? 'file' : 'block',
  path: block ?? info.data.device_path,
  sizeBytes: file.sizeBytes,
  identity: { inode: file.inode, luksUuid: info.data.luks_uuid === undefined ? undefined : readableUuid(file) },
})

const refuse = (info: LocalConnectionInfo, kind: 'unsafe' | 'unavailable', code: string, what: string) =>
  new HoldfastError(kind, code, `volume ${info.volume_id} ${what}`, {
    details: { volume: info.volume_id, layer: 'connection' },
  })
