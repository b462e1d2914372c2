import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { fileOfImage } from '../requests.ts'
import type {
  AbsoluteLimits,
  Attachment,
  AttachmentFilter,
  AttachmentGeneration,
  CreateVolume,
  CreateVolumeType,
  Snapshot,
  SnapshotStatus,
  Volume,
  VolumeFilter,
  VolumeService,
  VolumeType,
} from '../volume-service.ts'
import { Attachments, type CreateAttachment } from './attachments.ts'
import { Catalog } from './catalog.ts'
import { Copies } from './copies.ts'
import type { Database } from './database.ts'
import { Keyring } from './keyring.ts'
import { LegacyFlow } from './legacy.ts'
import { LuksFiles } from './luks-files.ts'
import { Pool } from './pool.ts'
import { snapshotView, type VolumeRow, volumeView } from './records.ts'
import { type Recovered, Recovery } from './recovery.ts'
import { Reimage } from './reimage.ts'
import type { LocalVolumeOptions } from './settings.ts'
import { type SnapshotRequest, Snapshots } from './snapshots.ts'
import { completeSwap } from './swap.ts'
import { VolumeTypes } from './types.ts'
import { Volumes } from './volumes.ts'

/** The embedded volume service: records in `volumes.db`, content in sparse files in `pool/`. `open.ts` opens it. */
export class LocalVolumeService implements VolumeService {
  readonly #catalog: Catalog
  readonly #newId: () => string
  readonly #attachments: Attachments
  readonly #legacy: LegacyFlow
  readonly #volumes: Volumes
  readonly #snapshots: Snapshots
  readonly #reimage: Reimage
  readonly #types: VolumeTypes

  constructor(db: Database, options: LocalVolumeOptions) {
    const { host, keys, config, hostName } = options
    const { random } = host
    const catalog = new Catalog(db, host.clock, config.quotas)
    const pool = new Pool(host, `${options.directory}/pool`)
    const keyring = new Keyring(catalog, keys)
    const copies = new Copies({ host, catalog, pool, keyring, luks: new LuksFiles(host) })
    const volumes = new Volumes({ host, catalog, pool, keyring, copies, config })
    const checkRoom = (bytes: number) => volumes.checkRoom(bytes)
    this.#catalog = catalog
    this.#newId = () => random.uuid()
    this.#attachments = new Attachments({ catalog, pool, random, hostName })
    this.#legacy = new LegacyFlow({ catalog, random, hostName })
    this.#volumes = volumes
    this.#snapshots = new Snapshots({ catalog, pool, keyring, copies, random, checkRoom })
    this.#reimage = new Reimage({ catalog, pool, copies })
    this.#types = new VolumeTypes(catalog, random)
  }

  /** Settles what a dead process left; only for the process that holds the state lock. */
  async recover(): Promise<readonly Recovered[]> {
    const parts = { catalog: this.#catalog, volumes: this.#volumes, snapshots: this.#snapshots, reimage: this.#reimage }
    return await new Recovery(parts).run()
  }

  /** Copies the records beside the others, if anything was changed since the last copy. */
  backUp(now: number): void {
    this.#catalog.db.backUp(now)
  }

  close(): void {
    this.#catalog.db.close()
  }

  async get(volumeId: string): Promise<Volume> {
    return this.#view(this.#catalog.volume(volumeId))
  }

  async generation(): Promise<AttachmentGeneration> {
    return 'attachments'
  }

  async getAll(filter: VolumeFilter = {}): Promise<readonly Volume[]> {
    return this.#catalog.volumes(filter).map(row => this.#view(row))
  }

  async *list(filter: VolumeFilter = {}): AsyncIterable<Volume> {
    for (const row of this.#catalog.volumes(filter)) yield this.#view(row)
  }

  /** Every verb returns when it is done. */
  async settled(volumeId: string): Promise<Volume | undefined> {
    return await unlessAbsent('volume-not-found', this.get(volumeId))
  }

  #view(row: VolumeRow): Volume {
    return volumeView(row, this.#catalog.attached(row.id))
  }

  async create(request: CreateVolume, signal?: AbortSignal): Promise<Volume> {
    return await this.get(await this.#volumes.create(request, signal))
  }

  async delete(volumeId: string): Promise<void> {
    await this.#volumes.delete(volumeId)
  }

  async extend(volumeId: string, size: number): Promise<Volume> {
    await this.#volumes.extend(volumeId, size)
    return await this.get(volumeId)
  }

  async reserveVolume(volumeId: string): Promise<void> {
    this.#legacy.reserve(volumeId)
  }

  async unreserveVolume(volumeId: string): Promise<void> {
    this.#legacy.unreserve(volumeId)
  }

  async beginDetaching(volumeId: string): Promise<void> {
    this.#legacy.beginDetaching(volumeId)
  }

  async rollDetaching(volumeId: string): Promise<void> {
    this.#legacy.rollDetaching(volumeId)
  }

  async initializeConnection(volumeId: string, connector: ConnectorProperties): Promise<ConnectionInfo> {
    return await this.#attachments.initialize(volumeId, connector)
  }

  /** A pool file needs no export, so there is nothing to take back. */
  async terminateConnection(volumeId: string): Promise<void> {
    this.#catalog.volume(volumeId)
  }

  async attach(
    volumeId: string,
    request: { instanceId: string; mountpoint: string; mode: 'rw' | 'ro' },
  ): Promise<void> {
    this.#legacy.attach(volumeId, request)
  }

  async detach(volumeId: string, request: { instanceId?: string; attachmentId?: string }): Promise<void> {
    this.#legacy.detach(volumeId, request)
  }

  async attachmentCreate(request: CreateAttachment): Promise<Attachment> {
    return await this.#attachments.create(request)
  }

  async attachmentGet(attachmentId: string): Promise<Attachment> {
    return this.#attachments.get(attachmentId)
  }

  async attachmentGetAll(filter: AttachmentFilter): Promise<readonly Attachment[]> {
    return this.#attachments.list(filter)
  }

  async attachmentUpdate(id: string, connector: ConnectorProperties, mountpoint?: string): Promise<Attachment> {
    return await this.#attachments.update(id, connector, mountpoint)
  }

  async attachmentComplete(attachmentId: string): Promise<void> {
    this.#attachments.complete(attachmentId)
  }

  async attachmentDelete(attachmentId: string): Promise<Change> {
    return this.#attachments.delete(attachmentId)
  }

  async getSnapshot(snapshotId: string): Promise<Snapshot> {
    return snapshotView(this.#catalog.snapshot(snapshotId))
  }

  async snapshotSettled(snapshotId: string): Promise<Snapshot | undefined> {
    return await unlessAbsent('snapshot-not-found', this.getSnapshot(snapshotId))
  }

  async getAllSnapshots(): Promise<readonly Snapshot[]> {
    return this.#catalog.snapshots().map(snapshotView)
  }

  async createSnapshot(volumeId: string, request: SnapshotRequest, signal?: AbortSignal): Promise<Snapshot> {
    return await this.getSnapshot(await this.#snapshots.create(volumeId, request, signal))
  }

  async deleteSnapshot(snapshotId: string): Promise<void> {
    await this.#snapshots.delete(snapshotId)
  }

  async updateSnapshotStatus(snapshotId: string, status: SnapshotStatus): Promise<void> {
    this.#snapshots.updateStatus(snapshotId, status)
  }

  async getAllVolumeTypes(): Promise<readonly VolumeType[]> {
    return this.#catalog.types()
  }

  async createVolumeType(request: CreateVolumeType): Promise<VolumeType> {
    return this.#types.create(request)
  }

  async deleteVolumeType(nameOrId: string): Promise<void> {
    this.#types.delete(nameOrId)
  }

  async getVolumeEncryptionMetadata(volumeId: string): Promise<EncryptionSpec | undefined> {
    const { encryption, keyId } = this.#catalog.volume(volumeId)
    if (!encryption) return undefined
    if (keyId !== null) return { ...encryption, controlLocation: 'front-end', keyId }
    throw new HoldfastError('corrupt', 'encryption-incomplete', `encrypted volume ${volumeId} has no key`, {
      details: { volume: volumeId, hint: 'its creation was never completed: delete it' },
    })
  }

  async getAbsoluteLimits(): Promise<AbsoluteLimits> {
    return this.#catalog.limits()
  }

  async migrateVolumeCompletion(oldId: string, newId: string, error: boolean): Promise<string> {
    return completeSwap(this.#catalog, this.#newId, oldId, newId, error)
  }

  async reimageVolume(
    volumeId: string,
    request: { imageFile?: string; imageId?: string; reimageReserved: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    const imageFile = fileOfImage(request)
    await this.#reimage.run(volumeId, { imageFile, reimageReserved: request.reimageReserved }, signal)
  }
}

async function unlessAbsent<T>(code: string, found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (hasCode(error, code)) return undefined
    throw error
  }
}
