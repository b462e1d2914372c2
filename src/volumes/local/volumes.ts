import { HoldfastError } from '#src/core/error.ts'
import { gibToBytes } from '#src/core/sizes.ts'
import type { Host } from '#src/host/host.ts'
import { invalidVolume } from '../errors.ts'
import { checkCreateVolume, fileOfImage } from '../requests.ts'
import { ALLOWED, checkGrowth, checkQuota } from '../rules.ts'
import type { CreateVolume, VolumeStatus } from '../volume-service.ts'
import type { Catalog } from './catalog.ts'
import { fileBytes } from './connection.ts'
import type { Copies, Filled } from './copies.ts'
import type { Keyring } from './keyring.ts'
import { type CreationPlan, type Image, planCreation } from './plan.ts'
import type { Pool } from './pool.ts'
import type { VolumeRow } from './records.ts'
import type { LocalVolumeConfig } from './settings.ts'

export interface VolumeParts {
  readonly host: Host
  readonly catalog: Catalog
  readonly pool: Pool
  readonly keyring: Keyring
  readonly copies: Copies
  readonly config: LocalVolumeConfig
}

/**
 * Volumes come, grow and go. Each verb moves the volume into a state of its own first, by compare and set, then works on
 * the file, then settles the state; what a dead process left in between is found by that state (`recovery.ts`).
 */
export class Volumes {
  readonly #parts: VolumeParts
  readonly #catalog: Catalog

  constructor(parts: VolumeParts) {
    this.#parts = parts
    this.#catalog = parts.catalog
  }

  /** If it fails, nothing is left of the volume. */
  async create(request: CreateVolume, signal: AbortSignal | undefined): Promise<string> {
    checkCreateVolume(request)
    const image =
      request.imageFile === undefined && request.imageId === undefined
        ? undefined
        : await this.#parts.copies.inspect(fileOfImage(request), signal)
    await this.checkRoom(gibToBytes(planCreation(this.#catalog, request, image).size))
    const id = this.#parts.host.random.uuid()
    const plan = this.#catalog.db.transaction(() => this.#insert(id, request, image))
    try {
      this.#finish(id, await this.#fill(id, plan, signal), ['creating'], 'available')
    } catch (error) {
      throw await this.#undoCreate(id, error)
    }
    return id
  }

  /** Planned anew inside the transaction: what the plan rests on may have changed since the first look. */
  #insert(id: string, request: CreateVolume, image: Image | undefined): CreationPlan {
    const plan = planCreation(this.#catalog, request, image)
    checkQuota(this.#catalog.limits(), { volumes: 1, gigabytes: plan.size })
    const sql = `INSERT INTO volumes (id, name, description, status, size, availability_zone, type_id, bootable, multiattach,
      snapshot_id, source_volume_id, metadata, provider, cipher, key_size, created_at)
      VALUES (:id, :name, :description, 'creating', :size, :zone, :typeId, :bootable, :multiattach,
      :snapshotId, :sourceVolumeId, :metadata, :provider, :cipher, :keySize, :now)`
    const { size, typeId, encryption } = plan
    const { name, description, snapshotId, sourceVolumeId, availabilityZone: zone } = request
    this.#catalog.db.run(sql, {
      ...{ id, name, description, size, typeId, snapshotId, sourceVolumeId },
      zone: zone ?? this.#parts.config.availabilityZone,
      bootable: Number(plan.bootable),
      multiattach: Number(plan.multiattach),
      metadata: JSON.stringify(request.metadata ?? {}),
      ...{ provider: encryption?.provider, cipher: encryption?.cipher, keySize: encryption?.keySize },
      now: this.#catalog.now(),
    })
    return plan
  }

  async #fill(id: string, plan: CreationPlan, signal: AbortSignal | undefined): Promise<Filled> {
    const { source, size, encryption } = plan
    const path = this.#parts.pool.volumePath(id)
    const owner = { table: 'volumes', id, size, encryption, keyId: null } as const
    if (source.kind === 'snapshot') return await this.#parts.copies.ofSnapshot(source.snapshot, path, owner, signal)
    if (source.kind === 'volume') return await this.#parts.copies.ofVolume(source.volume.id, path, owner, signal)
    return await this.#parts.copies.make(path, owner, source.kind === 'image' ? source.image : undefined, signal)
  }

  #finish(id: string, { headerBytes, inode }: Filled, from: readonly VolumeStatus[], to: VolumeStatus): void {
    this.#catalog.db.transaction(() => {
      const sql = 'UPDATE volumes SET header_bytes = :headerBytes, inode = :inode WHERE id = :id'
      this.#catalog.db.run(sql, { id, headerBytes, inode })
      this.#catalog.move(id, from, to, 'be completed')
    })
  }

  /** The error to throw: the cause as it is, with what the undo met beside it (I9). */
  async #undoCreate(id: string, cause: unknown): Promise<unknown> {
    try {
      await this.clear(id)
      this.#catalog.db.run('DELETE FROM volumes WHERE id = :id', { id })
      return cause
    } catch (undo) {
      const left = noteFailure(`volume ${id}`, `in state 'error', to be deleted`, () =>
        this.#catalog.setStatus(id, ['creating'], 'error'),
      )
      return leftBehind(cause, undo, left)
    }
  }

  /** Removes the volume's file and key; the row stays. Idempotent. */
  async clear(id: string): Promise<void> {
    await this.#parts.pool.remove(this.#parts.pool.volumePath(id))
    await this.#parts.keyring.discard({ table: 'volumes', id })
    this.#catalog.db.run('UPDATE volumes SET inode = NULL WHERE id = :id', { id })
  }

  async delete(id: string): Promise<void> {
    const { pool } = this.#parts
    await pool.checkRemoval(`volume ${id}`, pool.volumePath(id), this.#catalog.volume(id))
    this.#catalog.db.transaction(() => {
      this.#refuseWhileNeeded(id)
      this.#catalog.move(id, ALLOWED.delete, 'deleting', 'delete it')
    })
    await this.finishDelete(id)
  }

  /** The file first, then the key, then the row: each can be done again. */
  async finishDelete(id: string): Promise<void> {
    try {
      await this.clear(id)
      this.#catalog.db.run('DELETE FROM volumes WHERE id = :id', { id })
    } catch (error) {
      noteFailure(`volume ${id}`, '', () => this.#catalog.setStatus(id, ['deleting'], 'error_deleting'))
      throw error
    }
  }

  #refuseWhileNeeded(id: string): void {
    this.#catalog.volume(id)
    this.#catalog.refuseWhileCopied(id)
    const snapshots = this.#catalog.db.all('SELECT id FROM snapshots WHERE volume_id = :id', { id })
    if (snapshots.length > 0) {
      const names = snapshots.map(row => row.text('id')).join(', ')
      throw invalidVolume(id, `volume ${id} has snapshots: ${names}`, 'delete its snapshots first')
    }
    const [attachment] = this.#catalog.attachments({ volumeId: id })
    if (!attachment) return
    const where = `instance ${attachment.instanceId} (attachment ${attachment.id}, '${attachment.status}')`
    const { status } = this.#catalog.volume(id)
    throw invalidVolume(id, `volume ${id} is '${status}', attached to ${where}`, 'detach it first')
  }

  /** If it fails, the volume is `available` with its earlier size. */
  async extend(id: string, size: number): Promise<void> {
    const { pool } = this.#parts
    const found = this.#catalog.volume(id)
    checkGrowth(found, size)
    if (found.status === 'available') await this.checkRoom(gibToBytes(size - found.size), gibToBytes(size))
    const row = this.#catalog.db.transaction(() => this.#beginExtend(id, size))
    try {
      await pool.checkVolume(row)
      await pool.resize(pool.volumePath(id), fileBytes({ ...row, size }))
      this.#catalog.db.transaction(() => {
        this.#catalog.db.run('UPDATE volumes SET size = :size WHERE id = :id', { id, size })
        this.#catalog.move(id, ['extending'], 'available', 'be completed')
      })
    } catch (error) {
      throw await this.#undoExtend(row, error)
    }
  }

  #beginExtend(id: string, size: number): VolumeRow {
    const row = this.#catalog.volume(id)
    checkGrowth(row, size)
    this.#catalog.refuseWhileCopied(id)
    checkQuota(this.#catalog.limits(), { gigabytes: size - row.size })
    return this.#catalog.move(id, ALLOWED.extend, 'extending', 'extend it')
  }

  /** Back to the size that is recorded; a file that was never ours is left as it is. */
  async #undoExtend(row: VolumeRow, cause: unknown): Promise<unknown> {
    try {
      await this.shrinkBack(row)
      this.#catalog.setStatus(row.id, ['extending'], 'available')
      return cause
    } catch (undo) {
      const left = noteFailure(`volume ${row.id}`, `in state 'error_extending'`, () =>
        this.#catalog.setStatus(row.id, ['extending'], 'error_extending'),
      )
      return leftBehind(cause, undo, left)
    }
  }

  /** The file may have grown although its new size was never recorded: nobody has used what was added. */
  async shrinkBack(row: VolumeRow): Promise<void> {
    const path = this.#parts.pool.volumePath(row.id)
    const facts = await this.#parts.pool.facts(path)
    if (facts?.inode !== row.inode || facts.size <= fileBytes(row)) return
    await this.#parts.pool.resize(path, fileBytes(row))
  }

  /** The volume's file is there, is its own, and has the recorded size. */
  async checkFile(row: VolumeRow): Promise<void> {
    await this.#parts.pool.checkVolume(row)
  }

  /** Never beyond the whole file system; beyond what is free only if the configuration allows overcommit. `whole`: of the grown file. */
  async checkRoom(bytes: number, whole = bytes): Promise<void> {
    const { pool, config } = this.#parts
    await pool.checkReserve()
    await pool.checkCapacity(whole)
    if (config.overcommit) return
    const volumes = this.#catalog.volumes().map(row => ({ path: pool.volumePath(row.id), bytes: fileBytes(row) }))
    const snapshots = this.#catalog.snapshots().map(row => ({ path: pool.snapshotPath(row.id), bytes: fileBytes(row) }))
    await pool.checkRoom(bytes, [...volumes, ...snapshots])
  }
}

/**
 * Notes in the row that an undo failed, and tells in words how it was left. Where not even that can be written (the disk is
 * full) the row stays as it is, by which the next start finds it.
 */
export function noteFailure(row: string, noted: string, note: () => unknown): string {
  try {
    note()
    return `${row} ${noted}`
  } catch {
    return `${row} half done, until the next command that changes something settles it`
  }
}

/** The first failure, with what its undo met beside it and what that left. */
export function leftBehind(cause: unknown, undo: unknown, left: string): HoldfastError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const known = cause instanceof HoldfastError ? cause : new HoldfastError('internal', 'internal', message, { cause })
  return new HoldfastError(known.kind, known.code, `${message}; clearing up failed too, which left ${left}`, {
    cause,
    also: [undo],
    details: { ...known.details, left },
  })
}
