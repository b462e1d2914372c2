import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { ATTACHMENTS_MICROVERSION, getEncryption, getLimits } from '#src/openstack/cinder/index.ts'
import { volumeNotFound } from '../errors.ts'
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
import { type AttachmentRequest, Attachments } from './attachments.ts'
import { Cinder } from './cinder.ts'
import { encryptionSpec } from './encryption.ts'
import { Legacy } from './legacy.ts'
import { Messages } from './messages.ts'
import type { CinderVolumeOptions } from './settings.ts'
import { whenSettled } from './settle.ts'
import { Snapshots } from './snapshots.ts'
import { Types } from './types.ts'
import { volumeView } from './views.ts'
import { Volumes } from './volumes.ts'

/**
 * The volume service of an OpenStack cloud (Block Storage API v3; Nova `nova/volume/cinder.py` `API`, 2026.2). Nothing that
 * changes something is sent again blindly: after a lost reply it first looks what has happened. Codes beside the port's:
 * `volume-service-unavailable`, `outcome-unknown` (unavailable); `forbidden`, `key-forbidden` (forbidden); `service-token-missing`
 * (conflict); `connection-info-unsupported`, `-malformed`, `-unsafe`; `encryption-metadata-missing`, `wrong-host` (unsafe);
 * `microversion-unsupported`, `image-file-unsupported`, `multiattach-unsupported` (unsupported); `reply-malformed`,
 * `paging-stuck` (unavailable); and those of the login. Those that follow from an answer carry its request id.
 */
export class CinderVolumeService implements VolumeService {
  readonly #cinder: Cinder
  readonly #messages: Messages
  readonly #types: Types
  readonly #volumes: Volumes
  readonly #attachments: Attachments
  readonly #legacy: Legacy
  readonly #snapshots: Snapshots

  constructor(options: CinderVolumeOptions) {
    const cinder = new Cinder(options)
    this.#cinder = cinder
    this.#messages = new Messages(cinder)
    this.#types = new Types(cinder)
    this.#volumes = new Volumes(cinder, this.#types, this.#messages)
    this.#attachments = new Attachments(cinder, this.#volumes)
    this.#legacy = new Legacy(cinder, this.#volumes, this.#attachments)
    this.#snapshots = new Snapshots(cinder, this.#volumes)
  }

  async generation(signal?: AbortSignal): Promise<AttachmentGeneration> {
    if (this.#cinder.options.attachments === 'legacy') return 'legacy'
    return (await this.#cinder.has(ATTACHMENTS_MICROVERSION, signal)) ? 'attachments' : 'legacy'
  }

  /** What Cinder says of requests that it had accepted and that failed later, the newest first. */
  async userMessages(volumeId: string, signal?: AbortSignal): Promise<readonly string[]> {
    return await this.#messages.of(volumeId, signal)
  }

  async get(volumeId: string, signal?: AbortSignal): Promise<Volume> {
    return await this.#volumes.get(volumeId, signal)
  }

  async getAll(filter?: VolumeFilter, signal?: AbortSignal): Promise<readonly Volume[]> {
    return await this.#volumes.all(filter, signal)
  }

  list(filter?: VolumeFilter, signal?: AbortSignal): AsyncIterable<Volume> {
    return this.#volumes.list(filter, signal)
  }

  async settled(volumeId: string, signal?: AbortSignal): Promise<Volume | undefined> {
    const volume = await whenSettled(this.#cinder, () => this.#volumes.find(volumeId, signal), signal)
    return volume && volumeView(volume)
  }

  /** Accepted: `settled` tells what became of it. */
  async create(request: CreateVolume, signal?: AbortSignal): Promise<Volume> {
    return await this.#volumes.create(request, signal)
  }

  async delete(volumeId: string, signal?: AbortSignal): Promise<void> {
    await this.#volumes.delete(volumeId, signal)
  }

  async extend(volumeId: string, size: number, signal?: AbortSignal): Promise<Volume> {
    return await this.#volumes.extend(volumeId, size, signal)
  }

  async reserveVolume(volumeId: string, signal?: AbortSignal): Promise<void> {
    await this.#legacy.reserve(volumeId, signal)
  }

  async unreserveVolume(volumeId: string, signal?: AbortSignal): Promise<void> {
    await this.#legacy.unreserve(volumeId, signal)
  }

  async beginDetaching(volumeId: string, signal?: AbortSignal): Promise<void> {
    await this.#legacy.beginDetaching(volumeId, signal)
  }

  async rollDetaching(volumeId: string, signal?: AbortSignal): Promise<void> {
    await this.#legacy.rollDetaching(volumeId, signal)
  }

  async initializeConnection(
    volumeId: string,
    connector: ConnectorProperties,
    signal?: AbortSignal,
  ): Promise<ConnectionInfo> {
    return await this.#legacy.initializeConnection(volumeId, connector, signal)
  }

  async terminateConnection(volumeId: string, connector: ConnectorProperties, signal?: AbortSignal): Promise<void> {
    await this.#legacy.terminateConnection(volumeId, connector, signal)
  }

  async attach(
    volumeId: string,
    request: { instanceId: string; mountpoint: string; mode: 'rw' | 'ro' },
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#legacy.attach(volumeId, request, signal)
  }

  async detach(
    volumeId: string,
    request: { instanceId?: string; attachmentId?: string },
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#legacy.detach(volumeId, request, signal)
  }

  async attachmentCreate(request: AttachmentRequest, signal?: AbortSignal): Promise<Attachment> {
    return await this.#attachments.create(request, signal)
  }

  async attachmentGet(attachmentId: string, signal?: AbortSignal): Promise<Attachment> {
    return await this.#attachments.get(attachmentId, signal)
  }

  async attachmentGetAll(filter: AttachmentFilter, signal?: AbortSignal): Promise<readonly Attachment[]> {
    return await this.#attachments.all(filter, signal)
  }

  async attachmentUpdate(
    attachmentId: string,
    connector: ConnectorProperties,
    mountpoint?: string,
    signal?: AbortSignal,
  ): Promise<Attachment> {
    return await this.#attachments.update(attachmentId, connector, mountpoint, signal)
  }

  async attachmentComplete(attachmentId: string, signal?: AbortSignal): Promise<void> {
    await this.#attachments.complete(attachmentId, signal)
  }

  async attachmentDelete(attachmentId: string, signal?: AbortSignal): Promise<Change> {
    return await this.#attachments.delete(attachmentId, signal)
  }

  async getSnapshot(snapshotId: string, signal?: AbortSignal): Promise<Snapshot> {
    return await this.#snapshots.get(snapshotId, signal)
  }

  async snapshotSettled(snapshotId: string, signal?: AbortSignal): Promise<Snapshot | undefined> {
    return await whenSettled(this.#cinder, () => this.#snapshots.find(snapshotId, signal), signal)
  }

  async getAllSnapshots(signal?: AbortSignal): Promise<readonly Snapshot[]> {
    return await this.#snapshots.all(signal)
  }

  /** Accepted: `snapshotSettled` tells what became of it. */
  async createSnapshot(
    volumeId: string,
    request: { name?: string; description?: string; force?: boolean },
    signal?: AbortSignal,
  ): Promise<Snapshot> {
    return await this.#snapshots.create(volumeId, request, signal)
  }

  async deleteSnapshot(snapshotId: string, signal?: AbortSignal): Promise<void> {
    await this.#snapshots.delete(snapshotId, signal)
  }

  async updateSnapshotStatus(snapshotId: string, status: SnapshotStatus, signal?: AbortSignal): Promise<void> {
    await this.#snapshots.updateStatus(snapshotId, status, signal)
  }

  async getAllVolumeTypes(signal?: AbortSignal): Promise<readonly VolumeType[]> {
    return await this.#types.all(signal)
  }

  async createVolumeType(request: CreateVolumeType, signal?: AbortSignal): Promise<VolumeType> {
    return await this.#types.create(request, signal)
  }

  async deleteVolumeType(nameOrId: string, signal?: AbortSignal): Promise<void> {
    await this.#types.delete(nameOrId, signal)
  }

  /** Two questions at once: whether the volume is encrypted, and how; a volume that is, and of which nothing says how, is refused. */
  async getVolumeEncryptionMetadata(volumeId: string, signal?: AbortSignal): Promise<EncryptionSpec | undefined> {
    if (!isUuid(volumeId)) throw volumeNotFound(volumeId)
    const asked = {
      what: `look up the encryption of volume ${volumeId}`,
      volume: volumeId,
      notFound: () => volumeNotFound(volumeId),
    }
    const options = this.#cinder.queryOptions(signal)
    const [volume, encryption] = await Promise.all([
      this.#volumes.raw(volumeId, signal),
      this.#cinder.query(asked, () => getEncryption(this.#cinder.client, volumeId, options)),
    ])
    return encryptionSpec(volumeId, encryption, volume.encrypted)
  }

  async getAbsoluteLimits(signal?: AbortSignal): Promise<AbsoluteLimits> {
    const options = this.#cinder.queryOptions(signal)
    const limits = await this.#cinder.query({ what: 'look up the limits' }, () =>
      getLimits(this.#cinder.client, options),
    )
    const of = (name: keyof AbsoluteLimits) => {
      const value = limits[name]
      if (value !== undefined) return value
      throw new HoldfastError('unavailable', 'reply-malformed', `the limits that Cinder answered have no '${name}'`)
    }
    return {
      maxTotalVolumes: of('maxTotalVolumes'),
      maxTotalVolumeGigabytes: of('maxTotalVolumeGigabytes'),
      maxTotalSnapshots: of('maxTotalSnapshots'),
      totalVolumesUsed: of('totalVolumesUsed'),
      totalGigabytesUsed: of('totalGigabytesUsed'),
      totalSnapshotsUsed: of('totalSnapshotsUsed'),
    }
  }

  async migrateVolumeCompletion(oldId: string, newId: string, error: boolean, signal?: AbortSignal): Promise<string> {
    return await this.#legacy.migrateVolumeCompletion(oldId, newId, error, signal)
  }

  async reimageVolume(
    volumeId: string,
    request: { imageFile?: string; imageId?: string; reimageReserved: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#legacy.reimage(volumeId, request, signal)
  }
}
