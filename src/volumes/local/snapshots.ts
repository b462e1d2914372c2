import type { Random } from '#src/core/random.ts'
import { wrongSnapshotState, wrongVolumeState } from '../errors.ts'
import { checkSnapshotRequest } from '../requests.ts'
import { ALLOWED, checkQuota, checkSnapshotTransition } from '../rules.ts'
import type { SnapshotStatus } from '../volume-service.ts'
import type { Catalog } from './catalog.ts'
import { fileBytes } from './connection.ts'
import type { Copies } from './copies.ts'
import type { Keyring } from './keyring.ts'
import type { Pool } from './pool.ts'
import type { VolumeRow } from './records.ts'
import { leftBehind, noteFailure } from './volumes.ts'

export interface SnapshotRequest {
  readonly name?: string
  readonly description?: string
  readonly force?: boolean
}

/** Snapshots: whole copies of their own, sharing nothing with the volume but what the file system shares below. */
export class Snapshots {
  readonly #catalog: Catalog
  readonly #pool: Pool
  readonly #keyring: Keyring
  readonly #copies: Copies
  readonly #random: Random
  readonly #checkRoom: (bytes: number) => Promise<void>

  constructor(parts: {
    catalog: Catalog
    pool: Pool
    keyring: Keyring
    copies: Copies
    random: Random
    checkRoom: (bytes: number) => Promise<void>
  }) {
    this.#catalog = parts.catalog
    this.#pool = parts.pool
    this.#keyring = parts.keyring
    this.#copies = parts.copies
    this.#random = parts.random
    this.#checkRoom = parts.checkRoom
  }

  /** If it fails, nothing is left of the snapshot. */
  async create(volumeId: string, request: SnapshotRequest, signal: AbortSignal | undefined): Promise<string> {
    checkSnapshotRequest(request)
    await this.#checkRoom(fileBytes(this.#catalog.volume(volumeId)))
    const id = this.#random.uuid()
    const volume = this.#catalog.db.transaction(() => this.#insert(id, volumeId, request))
    try {
      const owner = { table: 'snapshots', id, size: volume.size } as const
      const { headerBytes, inode } = await this.#copies.ofVolume(volumeId, this.#pool.snapshotPath(id), owner, signal)
      const sql = `UPDATE snapshots SET status = 'available', progress = '100%', header_bytes = :headerBytes, inode = :inode
        WHERE id = :id`
      this.#catalog.db.run(sql, { id, headerBytes, inode })
    } catch (error) {
      throw await this.#undoCreate(id, error)
    }
    return id
  }

  #insert(id: string, volumeId: string, request: SnapshotRequest): VolumeRow {
    const volume = this.#catalog.volume(volumeId)
    const allowed = request.force ? ALLOWED.forcedSnapshot : ALLOWED.snapshot
    if (!allowed.some(status => status === volume.status))
      throw wrongVolumeState(volume, 'make a snapshot of it', allowed)
    checkQuota(this.#catalog.limits(), { snapshots: 1, gigabytes: volume.size })
    const sql = `INSERT INTO snapshots (id, name, description, status, progress, size, volume_id, created_at)
      VALUES (:id, :name, :description, 'creating', '0%', :size, :volumeId, :now)`
    const { name, description } = request
    this.#catalog.db.run(sql, { id, name, description, size: volume.size, volumeId, now: this.#catalog.now() })
    return volume
  }

  async #undoCreate(id: string, cause: unknown): Promise<unknown> {
    try {
      await this.clear(id)
      this.#catalog.db.run('DELETE FROM snapshots WHERE id = :id', { id })
      return cause
    } catch (undo) {
      const left = noteFailure(`snapshot ${id}`, `in state 'error', to be deleted`, () =>
        this.#setStatus(id, ['creating'], 'error'),
      )
      return leftBehind(cause, undo, left)
    }
  }

  /** Removes the snapshot's file and key; the row stays. Idempotent. */
  async clear(id: string): Promise<void> {
    await this.#pool.remove(this.#pool.snapshotPath(id))
    await this.#keyring.discard({ table: 'snapshots', id })
    this.#catalog.db.run('UPDATE snapshots SET inode = NULL WHERE id = :id', { id })
  }

  async delete(id: string): Promise<void> {
    await this.#pool.checkRemoval(`snapshot ${id}`, this.#pool.snapshotPath(id), this.#catalog.snapshot(id))
    this.#catalog.db.transaction(() => {
      const snapshot = this.#catalog.snapshot(id)
      const sql = `SELECT id FROM volumes WHERE snapshot_id = :id AND status = 'creating'`
      const user = this.#catalog.db.get(sql, { id })
      if (user || !this.#setStatus(id, ALLOWED.deleteSnapshot, 'deleting')) {
        throw wrongSnapshotState(
          user ? { id, status: `being copied to volume ${user.text('id')}` } : snapshot,
          'delete it',
          ALLOWED.deleteSnapshot,
        )
      }
    })
    await this.finishDelete(id)
  }

  async finishDelete(id: string): Promise<void> {
    try {
      await this.clear(id)
      this.#catalog.db.run('DELETE FROM snapshots WHERE id = :id', { id })
    } catch (error) {
      noteFailure(`snapshot ${id}`, '', () => this.#setStatus(id, ['deleting'], 'error_deleting'))
      throw error
    }
  }

  updateStatus(id: string, status: SnapshotStatus): void {
    this.#catalog.db.transaction(() => {
      checkSnapshotTransition(this.#catalog.snapshot(id), status)
      this.#catalog.db.run(`UPDATE snapshots SET status = :status, progress = '90%' WHERE id = :id`, { id, status })
    })
  }

  /** After a crash: a copy that was not finished is none. */
  async recoverCreating(id: string): Promise<void> {
    await this.clear(id)
    this.#setStatus(id, ['creating'], 'error')
  }

  #setStatus(id: string, from: readonly SnapshotStatus[], to: SnapshotStatus): boolean {
    const sql = `UPDATE snapshots SET status = :to WHERE id = :id AND status IN (SELECT value FROM json_each(:from))`
    return this.#catalog.db.run(sql, { id, to, from: JSON.stringify(from) }) > 0
  }
}
