import { dirname } from 'node:path'
import { HoldfastError } from '#src/core/error.ts'
import { formatBytes, MIB } from '#src/core/sizes.ts'
import type { FileFacts, Host } from '#src/host/host.ts'
import { fileBytes } from './connection.ts'
import type { PoolFile } from './records.ts'

const MODE = 0o600
/** QEMU runs as another user, who must pass the folder to its volume's file but need not list it. */
const PASSABLE = 0o711

/** So much must be free before anything is begun: what is recorded of it, and what takes it back, has room then. */
const RESERVE = 2 * MIB

type Checked = PoolFile & { readonly id: string; readonly size: number }

/** The files of the pool: one sparse raw file for each volume and snapshot, readable by its owner alone. */
export class Pool {
  readonly directory: string
  readonly #host: Host

  constructor(host: Host, directory: string) {
    this.#host = host
    this.directory = directory
  }

  volumePath(id: string): string {
    return `${this.directory}/volume-${id}`
  }

  snapshotPath(id: string): string {
    return `${this.directory}/snapshot-${id}`
  }

  /** Where the next content of a volume is written before it takes the place of the present one. */
  nextPath(id: string): string {
    return `${this.volumePath(id)}.next`
  }

  async create(path: string, bytes: number): Promise<void> {
    await this.#host.files.makeDirectory(this.directory, PASSABLE)
    await this.#host.files.createSparse(path, bytes, MODE)
  }

  /** By qemu-img, which finds the holes of a file without reading them; a TiB that is mostly holes takes a moment. */
  async copy(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
    const facts = await this.facts(from)
    await this.create(to, facts?.size ?? 0)
    const { copyRaw } = await import('#src/host/qemu-img.ts')
    await copyRaw(this.#host, from, to, signal)
  }

  async resize(path: string, bytes: number): Promise<void> {
    await this.#host.files.truncate(path, bytes)
  }

  async remove(path: string): Promise<void> {
    await this.#host.files.remove(path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#host.files.rename(from, to)
  }

  async facts(path: string): Promise<FileFacts | undefined> {
    return await this.#host.files.stat(path)
  }

  /**
   * The volume's file is there and is the one that was made for it (I2). An encrypted one may be another file with the
   * volume's own header: it was restored from a backup.
   * @throws HoldfastError `storage-absent`, `wrong-device`
   */
  async checkVolume(row: Checked): Promise<FileFacts> {
    return await this.#check(`volume ${row.id}`, this.volumePath(row.id), row, row.id)
  }

  async checkSnapshot(row: Checked): Promise<FileFacts> {
    return await this.#check(`snapshot ${row.id}`, this.snapshotPath(row.id), row)
  }

  /**
   * Before the file of a volume or snapshot is removed: nothing at its path is another's (I5). One that is gone is no
   * obstacle, nor is its own of another size.
   * @throws HoldfastError `wrong-device`
   */
  async checkRemoval(what: string, path: string, row: Pick<Checked, 'id' | 'inode' | 'keyId'>): Promise<void> {
    const facts = await this.facts(path)
    if (!facts || row.inode === null || (await this.#isOwn(path, row, facts))) return
    const message = `${path} is not the file that was made for ${what}: it is another file (inode ${facts.inode}, not ${row.inode})`
    throw new HoldfastError('unsafe', 'wrong-device', message, {
      details: {
        layer: 'attachment',
        left: 'nothing was deleted',
        hint: `move it to where it belongs; ${what} can be deleted when nothing is there, or its own file`,
      },
    })
  }

  async #isOwn(path: string, row: Pick<Checked, 'id' | 'inode' | 'keyId'>, facts: FileFacts): Promise<boolean> {
    if (facts.inode === row.inode) return true
    if (row.keyId === null) return false
    const { readLuksHeader } = await import('#src/host/luks-header.ts')
    return (await readLuksHeader(this.#host, path))?.uuid === row.id
  }

  async #check(what: string, path: string, row: Checked, volume?: string) {
    const facts = await this.facts(path)
    const details = { volume, layer: 'attachment' } as const
    if (!facts) {
      throw new HoldfastError('unavailable', 'storage-absent', `the file of ${what} is not there: ${path}`, {
        details: { ...details, hint: 'bring the file system of the pool back; is it mounted?' },
      })
    }
    const why = await this.#difference(path, row, facts)
    if (why === undefined) return facts
    throw new HoldfastError('unsafe', 'wrong-device', `${path} is not the file that was made for ${what}: ${why}`, {
      details: { ...details, hint: 'put the file back that was there; nothing was changed' },
    })
  }

  async #difference(path: string, row: Checked, facts: FileFacts): Promise<string | undefined> {
    const bytes = fileBytes(row)
    if (facts.kind !== 'file') return `it is a ${facts.kind}`
    if (facts.size !== bytes) return `it has ${facts.size} bytes instead of ${bytes}`
    if (await this.#isOwn(path, row, facts)) return undefined
    return `it is another file (inode ${facts.inode}, not ${row.inode})`
  }

  /** @throws HoldfastError `no-space` if a failure might not find the room to be undone */
  async checkReserve(): Promise<void> {
    const folder = dirname(this.directory)
    const free = await this.#host.files.freeBytes(folder)
    if (free >= RESERVE) return
    throw new HoldfastError(
      'no-space',
      'no-space',
      `no space left in ${folder}: ${formatBytes(free)} are free, and nothing is begun below ${formatBytes(RESERVE)}`,
      { details: { hint: 'free some space on that file system, for example by deleting what is not needed' } },
    )
  }

  /**
   * Whether a file of this size could ever be filled, were there nothing else.
   * @throws HoldfastError `no-space` naming both numbers
   */
  async checkCapacity(bytes: number): Promise<void> {
    await this.#host.files.makeDirectory(this.directory, PASSABLE)
    const total = await this.#host.files.totalBytes(this.directory)
    if (bytes <= total) return
    throw new HoldfastError(
      'no-space',
      'no-space',
      `${formatBytes(bytes)} can never fit into the pool ${this.directory}: its file system holds ${formatBytes(total)} in all`,
      { details: { hint: 'make it smaller, or put the pool on a larger file system' } },
    )
  }

  /**
   * Whether a file of this size could be filled, after all others have been filled: `promised` bytes are still to come.
   * @throws HoldfastError `no-space` naming both numbers
   */
  async checkRoom(bytes: number, files: readonly { readonly path: string; readonly bytes: number }[]): Promise<void> {
    await this.#host.files.makeDirectory(this.directory, PASSABLE)
    const free = await this.#host.files.freeBytes(this.directory)
    let promised = 0
    for (const file of files) {
      const facts = await this.facts(file.path)
      promised += Math.max(0, file.bytes - (facts?.allocated ?? 0))
    }
    if (bytes <= free - promised) return
    const others =
      promised > 0 ? `, of which ${formatBytes(promised)} are promised to volumes that are not full yet` : ''
    throw new HoldfastError(
      'no-space',
      'no-space',
      `${formatBytes(bytes)} do not fit into the pool ${this.directory}: ${formatBytes(free)} are free${others}`,
      { details: { hint: 'make it smaller, free some space, or allow it by overcommit in the configuration' } },
    )
  }
}
