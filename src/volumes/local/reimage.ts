import { asHoldfastError, HoldfastError } from '#src/core/error.ts'
import { gibToBytes } from '#src/core/sizes.ts'
import { ALLOWED, invalidSize } from '../rules.ts'
import type { Catalog } from './catalog.ts'
import type { Copies } from './copies.ts'
import type { Image } from './plan.ts'
import type { Pool } from './pool.ts'
import type { VolumeRow } from './records.ts'
import { leftBehind } from './volumes.ts'

export interface ReimageRequest {
  readonly imageFile: string
  readonly reimageReserved: boolean
}

/**
 * Another image in place of a volume's content. The new file is complete before it takes the place of the old one, so a
 * failure or a crash leaves the volume with the one or the other, never with half.
 */
export class Reimage {
  readonly #catalog: Catalog
  readonly #pool: Pool
  readonly #copies: Copies

  constructor(parts: { catalog: Catalog; pool: Pool; copies: Copies }) {
    this.#catalog = parts.catalog
    this.#pool = parts.pool
    this.#copies = parts.copies
  }

  async run(id: string, request: ReimageRequest, signal: AbortSignal | undefined): Promise<void> {
    this.#catalog.volume(id)
    const image = await this.#copies.inspect(request.imageFile, signal)
    const row = this.#catalog.db.transaction(() => this.#begin(id, image, request.reimageReserved))
    try {
      await this.#pool.remove(this.#pool.nextPath(id))
      const owner = { ...row, table: 'volumes' } as const
      this.#record(id, await this.#copies.make(this.#pool.nextPath(id), owner, image, signal), true)
      await this.#pool.rename(this.#pool.nextPath(id), this.#pool.volumePath(id))
      this.#settle(id)
    } catch (error) {
      throw await this.#undo(row, error)
    }
  }

  #begin(id: string, image: Image, reserved: boolean): VolumeRow {
    const row = this.#catalog.volume(id)
    this.#catalog.refuseWhileCopied(id)
    if (image.virtualSize > gibToBytes(row.size)) {
      throw invalidSize(`image ${image.path} has ${image.virtualSize} bytes: volume ${id} has ${row.size} GiB`, id)
    }
    const { length } = this.#catalog.attachments({ volumeId: id })
    if (length > 1) {
      throw new HoldfastError('conflict', 'conflict', `volume ${id} has ${length} attachments, not one`, {
        details: { volume: id, hint: 'detach it from all instances but one' },
      })
    }
    const allowed = reserved ? ALLOWED.reimageReserved : ALLOWED.reimage
    return this.#catalog.move(id, allowed, 'downloading', 'write an image to it')
  }

  #record(id: string, { headerBytes, inode }: Pick<VolumeRow, 'headerBytes' | 'inode'>, bootable: boolean): void {
    const sql = 'UPDATE volumes SET header_bytes = :headerBytes, inode = :inode, bootable = :bootable WHERE id = :id'
    this.#catalog.db.run(sql, { id, headerBytes, inode, bootable: Number(bootable) })
  }

  #settle(id: string): void {
    this.#catalog.setStatus(id, ['downloading'], this.#catalog.statusByAttachments(id))
  }

  async #undo(row: VolumeRow, cause: unknown): Promise<unknown> {
    const { id } = row
    try {
      const facts = await this.#pool.facts(this.#pool.volumePath(id))
      if ((facts?.inode ?? null) !== row.inode) {
        await this.recover(this.#catalog.volume(id))
        return leftInPlace(cause, id)
      }
      await this.#pool.remove(this.#pool.nextPath(id))
      this.#record(id, row, row.bootable)
      this.#catalog.setStatus(id, ['downloading'], row.status)
      return cause
    } catch (undo) {
      return leftBehind(cause, undo, `volume ${id} in state 'downloading' until the next start`)
    }
  }

  /** After a crash: what is recorded and what lies in the pool say how far it had come. */
  async recover(row: VolumeRow): Promise<void> {
    const next = await this.#pool.facts(this.#pool.nextPath(row.id))
    const complete = next !== undefined && next.inode === row.inode
    if (complete) await this.#pool.rename(this.#pool.nextPath(row.id), this.#pool.volumePath(row.id))
    else await this.#pool.remove(this.#pool.nextPath(row.id))
    const facts = await this.#pool.facts(this.#pool.volumePath(row.id))
    if (facts && facts.inode === row.inode) this.#settle(row.id)
    else this.#catalog.setStatus(row.id, ['downloading'], 'error')
  }
}

/** The very last step failed although it was done. */
const leftInPlace = (cause: unknown, id: string): HoldfastError =>
  asHoldfastError(cause).within({ volume: id, left: 'the new image is in its place' })
