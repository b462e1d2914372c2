import { HoldfastError } from '#src/core/error.ts'
import { gibToBytes } from '#src/core/sizes.ts'
import type { Host } from '#src/host/host.ts'
import type { Catalog } from './catalog.ts'
import { fileBytes } from './connection.ts'
import type { KeyOwner, Keyring } from './keyring.ts'
import type { LuksFiles } from './luks-files.ts'
import type { Image } from './plan.ts'
import type { Pool } from './pool.ts'
import type { Encryption, SnapshotRow, VolumeRow } from './records.ts'

const ATTEMPTS = 3

/** What became of a file: to be recorded with it. */
export interface Filled {
  readonly headerBytes: number
  readonly inode: string
}

/** Fills the files of new volumes and snapshots. The row is there before, so whatever it leaves behind can be cleared. */
export class Copies {
  readonly #host: Host
  readonly #catalog: Catalog
  readonly #pool: Pool
  readonly #keyring: Keyring
  readonly #luks: LuksFiles

  constructor(parts: { host: Host; catalog: Catalog; pool: Pool; keyring: Keyring; luks: LuksFiles }) {
    this.#host = parts.host
    this.#catalog = parts.catalog
    this.#pool = parts.pool
    this.#keyring = parts.keyring
    this.#luks = parts.luks
  }

  async inspect(path: string, signal: AbortSignal | undefined): Promise<Image> {
    const { inspectImage } = await import('#src/host/qemu-img.ts')
    return { path, ...(await inspectImage(this.#host, path, signal)) }
  }

  /** A new file at `path`, empty or with the image, encrypted with the owner's key. GiB. */
  async make(
    path: string,
    owner: KeyOwner & {
      readonly size: number
      readonly encryption: Encryption | undefined
      readonly keyId: string | null
    },
    image: Image | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Filled> {
    const { encryption, size, id } = owner
    const headerBytes = encryption ? await this.#luks.headerBytes(encryption, image !== undefined) : 0
    await this.#pool.create(path, headerBytes + gibToBytes(size))
    if (!encryption) {
      if (image) await this.#writeImage(image, path, signal)
      return await this.#filled(path, headerBytes)
    }
    const keyId = owner.keyId ?? (await this.#keyring.create(owner, signal))
    using passphrase = await this.#keyring.passphrase(keyId, signal)
    if (image) await this.#luks.formatWithImage(path, id, encryption, passphrase, image, signal)
    else await this.#luks.format(path, id, encryption, passphrase, signal)
    return await this.#filled(path, headerBytes)
  }

  async #writeImage(image: Image, path: string, signal: AbortSignal | undefined): Promise<void> {
    const { writeImage } = await import('#src/host/qemu-img.ts')
    await writeImage(this.#host, image, path, signal)
  }

  /** A snapshot's content as a volume of `size` GiB. */
  async ofSnapshot(snapshot: SnapshotRow, path: string, owner: KeyOwner & { size: number }, signal?: AbortSignal) {
    await this.#pool.checkSnapshot(snapshot)
    await this.#checkHeader(snapshot, this.#pool.snapshotPath(snapshot.id))
    await this.#pool.copy(this.#pool.snapshotPath(snapshot.id), path, signal)
    return await this.#own(path, snapshot, owner, signal)
  }

  /** A volume's content, as of one moment, as a file of `size` GiB. */
  async ofVolume(volumeId: string, path: string, owner: KeyOwner & { size: number }, signal?: AbortSignal) {
    const volume = this.#catalog.volume(volumeId)
    await this.#pool.checkVolume(volume)
    await this.#checkHeader(volume, this.#pool.volumePath(volume.id))
    await this.#copyAtOneMoment(volume, path, signal)
    return await this.#own(path, volume, owner, signal)
  }

  /**
   * Nobody writes to a volume that is `available` from before the copy until after it. Otherwise the copy is read a
   * second time beside the volume: if they are equal, then that is what the volume held when the first reading ended.
   */
  async #copyAtOneMoment(volume: VolumeRow, path: string, signal: AbortSignal | undefined): Promise<void> {
    const from = this.#pool.volumePath(volume.id)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const before = this.#catalog.volume(volume.id)
      await this.#pool.copy(from, path, signal)
      const untouched = this.#catalog.volume(volume.id).generation === before.generation
      if (before.status === 'available' && untouched) return
      const { sameContent } = await import('#src/host/qemu-img.ts')
      if (await sameContent(this.#host, from, path, signal)) return
      await this.#pool.remove(path)
    }
    throw new HoldfastError('busy', 'busy', `volume ${volume.id} was written to during each of ${ATTEMPTS} copies`, {
      details: { volume: volume.id, hint: 'stop or pause the instance, or let it write less, then try again' },
    })
  }

  async #checkHeader({ id, keyId }: VolumeRow | SnapshotRow, path: string): Promise<void> {
    if (keyId !== null) await this.#luks.checkSource(path, id)
  }

  /** Grows the copy, and gives an encrypted one a UUID and a key of its own. */
  async #own(
    path: string,
    source: VolumeRow | SnapshotRow,
    owner: KeyOwner & { readonly size: number },
    signal: AbortSignal | undefined,
  ): Promise<Filled> {
    const { headerBytes, keyId } = source
    if (owner.size > source.size) await this.#pool.resize(path, fileBytes({ headerBytes, size: owner.size }))
    if (keyId !== null) {
      using old = await this.#keyring.passphrase(keyId, signal)
      using next = await this.#keyring.passphrase(await this.#keyring.create(owner, signal), signal)
      await this.#luks.adopt(path, owner.id, old, next, signal)
    }
    return await this.#filled(path, headerBytes)
  }

  async #filled(path: string, headerBytes: number): Promise<Filled> {
    const facts = await this.#pool.facts(path)
    if (facts) return { headerBytes, inode: facts.inode }
    throw new HoldfastError('unavailable', 'storage-absent', `${path} vanished while it was being written`)
  }
}
