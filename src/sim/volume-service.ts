import type { Change } from '#src/core/change.ts'
import { apiTime } from '#src/core/clock.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import { MIB } from '#src/core/sizes.ts'
import { invalidVolume } from '#src/volumes/errors.ts'
import {
  checkAttachmentFilter,
  checkAttachmentRequest,
  checkCreateVolume,
  checkSnapshotRequest,
  checkVolumeType,
} from '#src/volumes/requests.ts'
import { ALLOWED, checkGrowth, checkQuota, reservable } from '#src/volumes/rules.ts'
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
} from '#src/volumes/volume-service.ts'
import { type SimAttachmentRequest, SimAttachments } from './volume-attachments.ts'
import { SimVolumeKeys } from './volume-keys.ts'
import { type SimPlan, simPlan } from './volume-plan.ts'
import { simReimage } from './volume-reimage.ts'
import { SimSnapshots, SimVolumeTypes } from './volume-snapshots.ts'
import {
  type SimImage,
  type SimQuotas,
  type SimVolume,
  type SimVolumeOptions,
  type SimVolumeState,
  simFileBytes,
  simSnapshotView,
  simVolumeState,
  unlessAbsent,
} from './volume-state.ts'
import type { SimLuks, World } from './world.ts'

/**
 * The twin of the embedded volume service: its records outlive the process, its files are the world's, with identity and
 * LUKS header. Each verb is one effect, save those that also make or delete a key. What a dead process left half deleted is
 * finished before the next verb.
 */
export class SimVolumeService implements VolumeService {
  readonly #world: World
  readonly #options: SimVolumeOptions
  readonly #quotas: SimQuotas
  readonly #state: SimVolumeState
  readonly #attachments: SimAttachments
  readonly #snapshots: SimSnapshots
  readonly #types: SimVolumeTypes
  readonly #keys: SimVolumeKeys

  constructor(world: World, options: SimVolumeOptions) {
    this.#world = world
    this.#options = options
    this.#quotas = { volumes: -1, gigabytes: -1, snapshots: -1, ...options.quotas }
    this.#state = simVolumeState(world)
    const now = () => this.#now()
    this.#attachments = new SimAttachments(world, this.#state, id => this.path(id), now)
    const { random } = world
    const checkStorage = (volume: SimVolume) => this.#attachments.checkStorage(volume)
    this.#snapshots = new SimSnapshots({ state: this.#state, random, quotas: this.#quotas, now, checkStorage })
    this.#types = new SimVolumeTypes(this.#state, random)
    this.#keys = new SimVolumeKeys(this.#state, options.keys)
  }

  /** Where the volume's file is in the world. */
  path(volumeId: string): string {
    return `${this.#options.pool ?? '/var/lib/holdfast/volumes/pool'}/volume-${volumeId}`
  }

  /** Tests: an image that `create` and `reimageVolume` may be given. */
  addImage(path: string, image: SimImage): void {
    this.#state.images.set(path, image)
  }

  #now(): string {
    return apiTime(this.#world.clock.now())
  }

  async #effect<T>(name: string, run: () => T, signal?: AbortSignal): Promise<T> {
    await this.#recover()
    return await this.#world.effect(`volumes ${name}`, run, signal)
  }

  async #look<T>(name: string, run: () => T, signal?: AbortSignal): Promise<T> {
    await this.#recover()
    return await this.#world.look(`volumes ${name}`, run, signal)
  }

  /**
   * Another process than the one that was here last: what that left is finished, as the real one does when opened. What
   * cannot be, now, keeps nobody from using the service.
   */
  async #recover(): Promise<void> {
    if (this.#state.life === this.#world.died) return
    this.#state.life = this.#world.died
    await this.#keys.recover().catch(() => {})
    for (const row of [...this.#state.volumes.values()].filter(({ status }) => status === 'deleting')) {
      await this.#finishDelete(row).catch(() => {
        row.status = 'error_deleting'
      })
    }
  }

  get(volumeId: string, signal?: AbortSignal): Promise<Volume> {
    return this.#look(`get ${volumeId}`, () => this.#state.volumeView(this.#state.volume(volumeId)), signal)
  }

  async generation(): Promise<AttachmentGeneration> {
    return 'attachments'
  }

  getAll(filter: VolumeFilter = {}, signal?: AbortSignal): Promise<readonly Volume[]> {
    return this.#look('list', () => this.#state.volumesBy(filter).map(row => this.#state.volumeView(row)), signal)
  }

  async *list(filter?: VolumeFilter, signal?: AbortSignal): AsyncIterable<Volume> {
    yield* await this.getAll(filter, signal)
  }

  settled(volumeId: string, signal?: AbortSignal): Promise<Volume | undefined> {
    const find = () => this.#state.volumes.get(volumeId)
    return this.#look(`get ${volumeId}`, () => unlessAbsent(find(), row => this.#state.volumeView(row)), signal)
  }

  snapshotSettled(snapshotId: string, signal?: AbortSignal): Promise<Snapshot | undefined> {
    const find = () => this.#state.snapshots.get(snapshotId)
    return this.#look(`get-snapshot ${snapshotId}`, () => unlessAbsent(find(), simSnapshotView), signal)
  }

  async create(request: CreateVolume, signal?: AbortSignal): Promise<Volume> {
    checkCreateVolume(request)
    const plan = await this.#look('plan', () => this.#plan(request), signal)
    const insert = (key?: { id: string; hash: string }) =>
      this.#effect('create', () => this.#insert(request, key), signal)
    return await (plan.encryption ? this.#keys.make(insert, signal) : insert())
  }

  #plan(request: CreateVolume): SimPlan {
    const directories = new Set(
      [...this.#world.files].filter(([, { kind }]) => kind === 'directory').map(([path]) => path),
    )
    const plan = simPlan(this.#state, request, directories)
    checkQuota(this.#state.limits(this.#quotas), { volumes: 1, gigabytes: plan.size })
    return plan
  }

  #insert(request: CreateVolume, key: { id: string; hash: string } | undefined): Volume {
    const { encryption, ...plan } = this.#plan(request)
    const id = this.#world.random.uuid()
    const luks: SimLuks | undefined = encryption &&
      key && {
        version: encryption.provider === 'luks2' ? 2 : 1,
        uuid: id,
        passphraseHash: key.hash,
        payloadOffsetBytes: (encryption.provider === 'luks2' ? 16 : 2) * MIB,
      }
    const headerBytes = luks?.payloadOffsetBytes ?? 0
    const sizeBytes = simFileBytes({ headerBytes, size: plan.size })
    const { inode } = this.#world.addFile(this.path(id), { sizeBytes, content: id, luks })
    const row: SimVolume = {
      id,
      name: request.name ?? null,
      description: request.description ?? null,
      status: 'available',
      availabilityZone: request.availabilityZone ?? this.#options.availabilityZone ?? 'nova',
      snapshotId: request.snapshotId ?? null,
      sourceVolumeId: request.sourceVolumeId ?? null,
      metadata: { ...request.metadata },
      createdAt: this.#now(),
      ...plan,
      ...{ encryption, keyId: key?.id ?? null, headerBytes, inode },
    }
    this.#state.volumes.set(id, row)
    return this.#state.volumeView(row)
  }

  /** One that fails on the way can be asked again. */
  async delete(volumeId: string, signal?: AbortSignal): Promise<void> {
    let begun: SimVolume | undefined
    try {
      await this.#effect(`delete ${volumeId}`, () => (begun = this.#beginDelete(volumeId)), signal)
      if (begun) await this.#finishDelete(begun, signal)
    } catch (error) {
      if (begun) begun.status = 'error_deleting'
      throw error
    }
  }

  #beginDelete(volumeId: string): SimVolume {
    const { status } = this.#state.volume(volumeId)
    const snapshots = [...this.#state.snapshots.values()].filter(row => row.volumeId === volumeId).map(row => row.id)
    if (snapshots.length > 0) throw invalidVolume(volumeId, `volume ${volumeId} has snapshots: ${snapshots.join(', ')}`)
    const [attachment] = this.#state.attachmentsOf({ volumeId })
    if (attachment) {
      throw invalidVolume(volumeId, `volume ${volumeId} is '${status}', attached to instance ${attachment.instanceId}`)
    }
    const row = this.#state.inState(volumeId, ALLOWED.delete, 'delete it')
    this.#attachments.checkRemoval(row)
    row.status = 'deleting'
    this.#world.files.delete(this.path(volumeId))
    return row
  }

  async #finishDelete(row: SimVolume, signal?: AbortSignal): Promise<void> {
    if (row.keyId !== null) await this.#options.keys.delete(row.keyId, signal)
    const forget = () => this.#state.volumes.delete(row.id)
    await this.#world.effect(`volumes forget ${row.id}`, forget, signal)
  }

  extend(volumeId: string, size: number, signal?: AbortSignal): Promise<Volume> {
    const extend = () => {
      checkGrowth(this.#state.volume(volumeId), size)
      const row = this.#state.inState(volumeId, ALLOWED.extend, 'extend it')
      checkQuota(this.#state.limits(this.#quotas), { gigabytes: size - row.size })
      this.#attachments.checkStorage(row)
      row.size = size
      const file = this.#world.files.get(this.path(volumeId))
      if (file) file.sizeBytes = simFileBytes(row)
      return this.#state.volumeView(row)
    }
    return this.#effect(`extend ${volumeId}`, extend, signal)
  }

  reserveVolume(volumeId: string, signal?: AbortSignal): Promise<void> {
    const reserve = () => {
      const allowed = reservable(this.#state.volume(volumeId).multiattach)
      this.#state.inState(volumeId, allowed, 'be reserved').status = 'attaching'
    }
    return this.#effect(`reserve ${volumeId}`, reserve, signal)
  }

  unreserveVolume(volumeId: string, signal?: AbortSignal): Promise<void> {
    const unreserve = () => {
      if (this.#state.volume(volumeId).status === 'attaching') this.#state.settle(volumeId)
    }
    return this.#effect(`unreserve ${volumeId}`, unreserve, signal)
  }

  beginDetaching(volumeId: string, signal?: AbortSignal): Promise<void> {
    const begin = () => {
      this.#state.inState(volumeId, ALLOWED.beginDetaching, 'be detached').status = 'detaching'
    }
    return this.#effect(`begin-detaching ${volumeId}`, begin, signal)
  }

  rollDetaching(volumeId: string, signal?: AbortSignal): Promise<void> {
    const roll = () => {
      const volume = this.#state.volume(volumeId)
      if (volume.status === 'detaching') volume.status = 'in-use'
    }
    return this.#effect(`roll-detaching ${volumeId}`, roll, signal)
  }

  initializeConnection(
    volumeId: string,
    connector: ConnectorProperties,
    signal?: AbortSignal,
  ): Promise<ConnectionInfo> {
    const initialize = () => this.#attachments.initialize(volumeId, connector)
    return this.#effect(`initialize ${volumeId}`, initialize, signal)
  }

  terminateConnection(volumeId: string, _: ConnectorProperties, signal?: AbortSignal): Promise<void> {
    return this.#effect(`terminate ${volumeId}`, () => void this.#state.volume(volumeId), signal)
  }

  async attach(
    volumeId: string,
    request: { instanceId: string; mountpoint: string; mode: 'rw' | 'ro' },
    signal?: AbortSignal,
  ): Promise<void> {
    checkAttachmentRequest(request.instanceId, request.mountpoint)
    await this.#effect(`attach ${volumeId}`, () => this.#attachments.attach(volumeId, request), signal)
  }

  detach(
    volumeId: string,
    request: { instanceId?: string; attachmentId?: string },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#effect(`detach ${volumeId}`, () => this.#attachments.detach(volumeId, request), signal)
  }

  async attachmentCreate(request: SimAttachmentRequest, signal?: AbortSignal): Promise<Attachment> {
    checkAttachmentRequest(request.instanceId, request.mountpoint)
    const create = () => this.#view(this.#attachments.create(request).id)
    return await this.#effect(`attachment-create ${request.volumeId}`, create, signal)
  }

  #view(attachmentId: string): Attachment {
    const row = this.#state.attachment(attachmentId)
    return this.#state.attachmentView(row, this.path(row.volumeId))
  }

  attachmentGet(attachmentId: string, signal?: AbortSignal): Promise<Attachment> {
    return this.#look(`attachment-get ${attachmentId}`, () => this.#view(attachmentId), signal)
  }

  attachmentGetAll(filter: AttachmentFilter, signal?: AbortSignal): Promise<readonly Attachment[]> {
    const list = () => {
      checkAttachmentFilter(filter)
      return this.#state.attachmentsOf(filter).map(({ id }) => this.#view(id))
    }
    return this.#look('attachment-list', list, signal)
  }

  attachmentUpdate(
    id: string,
    connector: ConnectorProperties,
    mountpoint?: string,
    signal?: AbortSignal,
  ): Promise<Attachment> {
    const update = () => this.#view(this.#attachments.update(id, connector, mountpoint).id)
    return this.#effect(`attachment-update ${id}`, update, signal)
  }

  attachmentComplete(id: string, signal?: AbortSignal): Promise<void> {
    return this.#effect(`attachment-complete ${id}`, () => this.#attachments.complete(id), signal)
  }

  attachmentDelete(id: string, signal?: AbortSignal): Promise<Change> {
    return this.#effect(`attachment-delete ${id}`, () => this.#attachments.delete(id), signal)
  }

  getSnapshot(snapshotId: string, signal?: AbortSignal): Promise<Snapshot> {
    return this.#look(`get-snapshot ${snapshotId}`, () => simSnapshotView(this.#state.snapshot(snapshotId)), signal)
  }

  getAllSnapshots(signal?: AbortSignal): Promise<readonly Snapshot[]> {
    return this.#look('list-snapshots', () => [...this.#state.snapshots.values()].map(simSnapshotView), signal)
  }

  async createSnapshot(
    volumeId: string,
    request: { name?: string; description?: string; force?: boolean },
    signal?: AbortSignal,
  ): Promise<Snapshot> {
    checkSnapshotRequest(request)
    return await this.#effect(`create-snapshot ${volumeId}`, () => this.#snapshots.create(volumeId, request), signal)
  }

  deleteSnapshot(snapshotId: string, signal?: AbortSignal): Promise<void> {
    return this.#effect(`delete-snapshot ${snapshotId}`, () => this.#snapshots.delete(snapshotId), signal)
  }

  updateSnapshotStatus(snapshotId: string, status: SnapshotStatus, signal?: AbortSignal): Promise<void> {
    const update = () => this.#snapshots.updateStatus(snapshotId, status)
    return this.#effect(`update-snapshot ${snapshotId}`, update, signal)
  }

  getAllVolumeTypes(signal?: AbortSignal): Promise<readonly VolumeType[]> {
    const list = () => [...this.#state.types.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    return this.#look('list-types', list, signal)
  }

  async createVolumeType(request: CreateVolumeType, signal?: AbortSignal): Promise<VolumeType> {
    const checked = checkVolumeType(request)
    return await this.#effect('create-type', () => this.#types.create(checked), signal)
  }

  deleteVolumeType(nameOrId: string, signal?: AbortSignal): Promise<void> {
    return this.#effect('delete-type', () => this.#types.delete(nameOrId), signal)
  }

  getVolumeEncryptionMetadata(volumeId: string, signal?: AbortSignal): Promise<EncryptionSpec | undefined> {
    const metadata = () => this.#state.encryptionSpec(volumeId)
    return this.#look(`encryption ${volumeId}`, metadata, signal)
  }

  getAbsoluteLimits(signal?: AbortSignal): Promise<AbsoluteLimits> {
    return this.#look('limits', () => this.#state.limits(this.#quotas), signal)
  }

  migrateVolumeCompletion(oldId: string, newId: string, error: boolean, signal?: AbortSignal): Promise<string> {
    return this.#effect(`complete-swap ${oldId}`, () => this.#attachments.completeSwap(oldId, newId, error), signal)
  }

  reimageVolume(
    volumeId: string,
    request: { imageFile?: string; imageId?: string; reimageReserved: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#effect(
      `reimage ${volumeId}`,
      () => simReimage(this.#world, this.#state, { ...request, volumeId, path: this.path(volumeId) }),
      signal,
    )
  }
}
