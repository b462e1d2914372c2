import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import type { EncryptionProvider, EncryptionSpec } from '#src/core/encryption.ts'

/** Cinder's volume states (`cinder/objects/fields.py`, 2026.2). The embedded service knows the first twelve. */
export type VolumeStatus =
  | 'creating'
  | 'available'
  | 'reserved'
  | 'attaching'
  | 'in-use'
  | 'detaching'
  | 'extending'
  | 'deleting'
  | 'downloading'
  | 'error'
  | 'error_deleting'
  | 'error_extending'
  | 'managing'
  | 'error_managing'
  | 'maintenance'
  | 'uploading'
  | 'retyping'
  | 'migrating'
  | 'backing-up'
  | 'restoring-backup'
  | 'error_restoring'
  | 'awaiting-transfer'

export interface VolumeAttachmentView {
  readonly attachmentId: string
  readonly serverId: string
  /** Guest device path, `/dev/vdb`; empty until known. */
  readonly device: string
}

/** The facade's view of a volume. Sizes in GiB, times in ISO 8601. */
export interface Volume {
  readonly id: string
  readonly name: string | null
  readonly description: string | null
  readonly status: VolumeStatus
  readonly size: number
  readonly availabilityZone: string
  readonly volumeType: string | null
  readonly encrypted: boolean
  readonly bootable: boolean
  readonly multiattach: boolean
  readonly snapshotId: string | null
  readonly sourceVolumeId: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** Only those that are attached; `attachStatus` follows from it. */
  readonly attachments: readonly VolumeAttachmentView[]
  readonly attachStatus: 'attached' | 'detached'
  readonly createdAt: string
  /** Only where the service says so. `sharedTargets` null: the driver does not know. */
  readonly imageMetadata?: Readonly<Record<string, string>> | undefined
  readonly sharedTargets?: boolean | null | undefined
  readonly serviceUuid?: string | null | undefined
  readonly migrationStatus?: string | null | undefined
}

export type SnapshotStatus = 'creating' | 'available' | 'deleting' | 'error' | 'error_deleting'

export interface Snapshot {
  readonly id: string
  readonly name: string | null
  readonly description: string | null
  readonly status: SnapshotStatus
  readonly size: number
  readonly volumeId: string
  readonly progress: string
  readonly createdAt: string
}

export interface VolumeTypeEncryption {
  readonly provider: EncryptionProvider
  readonly cipher: string
  /** Bits. */
  readonly keySize: number
  readonly controlLocation: 'front-end' | 'back-end'
}

export interface VolumeType {
  readonly id: string
  readonly name: string
  readonly encryption?: VolumeTypeEncryption | undefined
  readonly multiattach: boolean
}

/** Left out: cipher `aes-xts-plain64`, key size 512 bits, control location `front-end`. */
export interface CreateVolumeType {
  readonly name: string
  readonly encryption?:
    | {
        readonly provider: EncryptionProvider
        readonly cipher?: string | undefined
        readonly keySize?: number | undefined
        readonly controlLocation?: 'front-end' | 'back-end' | undefined
      }
    | undefined
  readonly multiattach?: boolean | undefined
}

export type AttachmentStatus = 'reserved' | 'attaching' | 'attached' | 'detaching' | 'error_attaching'

export interface Attachment {
  readonly id: string
  readonly volumeId: string
  readonly instanceId: string | null
  readonly status: AttachmentStatus
  readonly attachMode: 'rw' | 'ro'
  readonly attachedAt: string | null
  /** Undefined until a connector was given. */
  readonly connectionInfo?: ConnectionInfo | undefined
}

export interface CreateVolume {
  /** GiB, an integer of at least 1. Left out with a source: the source's size. */
  readonly size?: number | undefined
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly volumeType?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly availabilityZone?: string | undefined
  readonly multiattach?: boolean | undefined
  /**
   * At most one of these four. `imageFile`: absolute path of a raw or qcow2 image (the embedded service); `imageId`: of the
   * image service (Cinder).
   */
  readonly snapshotId?: string | undefined
  readonly sourceVolumeId?: string | undefined
  readonly imageFile?: string | undefined
  readonly imageId?: string | undefined
}

/**
 * Which verbs an attachment goes by: `attachments` (attachmentCreate, -Update, -Complete, -Delete; Cinder from microversion
 * 3.44), or `legacy` (reserve, initializeConnection, attach; terminateConnection, detach).
 */
export type AttachmentGeneration = 'attachments' | 'legacy'

/** −1 means no limit; names as in the Block Storage API's absolute limits. */
export interface AbsoluteLimits {
  readonly maxTotalVolumes: number
  readonly maxTotalVolumeGigabytes: number
  readonly maxTotalSnapshots: number
  readonly totalVolumesUsed: number
  readonly totalGigabytesUsed: number
  readonly totalSnapshotsUsed: number
}

export interface VolumeFilter {
  readonly name?: string | undefined
  readonly status?: VolumeStatus | undefined
}

export interface AttachmentFilter {
  readonly instanceId?: string | undefined
  readonly volumeId?: string | undefined
  /** Every attachment, where neither is given. */
  readonly all?: boolean | undefined
}

/**
 * The block-storage facade (Nova `nova/volume/cinder.py` `API`, 2026.2): who owns volumes. States change by
 * compare-and-set; a refusal changes nothing. Codes: `volume-not-found`, `snapshot-not-found`, `attachment-not-found`,
 * `volume-type-not-found`, `image-not-found` (not-found); `invalid-volume`, `invalid-snapshot`, `invalid-attachment`
 * (wrong-state: the message names the state and what is allowed); `invalid-name`, `invalid-size`, `invalid-id`,
 * `invalid-image`, `invalid-input` (invalid-input); `image-backing-file`, `wrong-device`, `wrong-host` (unsafe);
 * `encryption-unsupported` (unsupported); `over-quota` (quota); `no-space`; `storage-absent` (unavailable); `busy`; `conflict`.
 */
export interface VolumeService {
  /** Of new attachments; those that stand keep the one that they were made by. */
  generation(signal?: AbortSignal): Promise<AttachmentGeneration>
  get(volumeId: string, signal?: AbortSignal): Promise<Volume>
  getAll(filter?: VolumeFilter, signal?: AbortSignal): Promise<readonly Volume[]>
  /** The same one after another, so that memory does not grow with their number. */
  list(filter?: VolumeFilter, signal?: AbortSignal): AsyncIterable<Volume>
  /**
   * The volume when the service has done what it was about to (`creating`, `downloading`, `extending`, `deleting` …);
   * undefined if it is gone. The caller's signal bounds the wait.
   */
  settled(volumeId: string, signal?: AbortSignal): Promise<Volume | undefined>
  /** Returns once the volume is `available` (the embedded service) or accepted as `creating` (Cinder). */
  create(request: CreateVolume, signal?: AbortSignal): Promise<Volume>
  /** `available`, `error` or `error_deleting` and without snapshots; deletes its data and key. */
  delete(volumeId: string, signal?: AbortSignal): Promise<void>
  /** `available` only; the new size is greater. GiB. */
  extend(volumeId: string, size: number, signal?: AbortSignal): Promise<Volume>

  /** available (multiattach: or in-use) → attaching. */
  reserveVolume(volumeId: string, signal?: AbortSignal): Promise<void>
  /** attaching → in-use if attached elsewhere, else available; otherwise nothing. */
  unreserveVolume(volumeId: string, signal?: AbortSignal): Promise<void>
  /** in-use → detaching. */
  beginDetaching(volumeId: string, signal?: AbortSignal): Promise<void>
  /** detaching → in-use; otherwise nothing. */
  rollDetaching(volumeId: string, signal?: AbortSignal): Promise<void>
  initializeConnection(volumeId: string, connector: ConnectorProperties, signal?: AbortSignal): Promise<ConnectionInfo>
  terminateConnection(volumeId: string, connector: ConnectorProperties, signal?: AbortSignal): Promise<void>
  /** attaching → in-use. */
  attach(
    volumeId: string,
    request: { instanceId: string; mountpoint: string; mode: 'rw' | 'ro' },
    signal?: AbortSignal,
  ): Promise<void>
  /** → available, or in-use if attached elsewhere. Without an attachment id the only attachment is meant. */
  detach(volumeId: string, request: { instanceId?: string; attachmentId?: string }, signal?: AbortSignal): Promise<void>

  /**
   * Without connector: attachment and volume become `reserved`; with: as if updated at once. Allowed if the volume is
   * `available` (multiattach: or in-use), or the same instance has one already (migration).
   */
  attachmentCreate(
    request: { volumeId: string; instanceId: string; connector?: ConnectorProperties; mountpoint?: string },
    signal?: AbortSignal,
  ): Promise<Attachment>
  attachmentGet(attachmentId: string, signal?: AbortSignal): Promise<Attachment>
  /** At least one of the filters. Without connection info where the service does not list it. */
  attachmentGetAll(filter: AttachmentFilter, signal?: AbortSignal): Promise<readonly Attachment[]>
  /** reserved → attaching; gives connection info. Repeating it gives the same. */
  attachmentUpdate(
    attachmentId: string,
    connector: ConnectorProperties,
    mountpoint?: string,
    signal?: AbortSignal,
  ): Promise<Attachment>
  /** attaching → attached; volume → in-use. Repeating it is nothing. Not from `reserved`: nothing was connected yet. */
  attachmentComplete(attachmentId: string, signal?: AbortSignal): Promise<void>
  /** 'already' if there is none; the volume's status is found anew from what attachments remain. */
  attachmentDelete(attachmentId: string, signal?: AbortSignal): Promise<Change>

  getSnapshot(snapshotId: string, signal?: AbortSignal): Promise<Snapshot>
  /** As `settled`, of a snapshot. */
  snapshotSettled(snapshotId: string, signal?: AbortSignal): Promise<Snapshot | undefined>
  getAllSnapshots(signal?: AbortSignal): Promise<readonly Snapshot[]>
  /** `available` only; `force` also `in-use`: as of one moment, or `busy` if the guest writes all the time. */
  createSnapshot(
    volumeId: string,
    request: { name?: string; description?: string; force?: boolean },
    signal?: AbortSignal,
  ): Promise<Snapshot>
  deleteSnapshot(snapshotId: string, signal?: AbortSignal): Promise<void>
  /** creating → creating, available, error; deleting → deleting, error_deleting; progress becomes `90%`. */
  updateSnapshotStatus(snapshotId: string, status: SnapshotStatus, signal?: AbortSignal): Promise<void>

  getAllVolumeTypes(signal?: AbortSignal): Promise<readonly VolumeType[]>
  createVolumeType(request: CreateVolumeType, signal?: AbortSignal): Promise<VolumeType>
  /** By name or id; `conflict` while a volume has it. */
  deleteVolumeType(nameOrId: string, signal?: AbortSignal): Promise<void>
  /** Undefined for a volume that is not encrypted; never a half-filled answer. */
  getVolumeEncryptionMetadata(volumeId: string, signal?: AbortSignal): Promise<EncryptionSpec | undefined>

  getAbsoluteLimits(signal?: AbortSignal): Promise<AbsoluteLimits>
  /**
   * After data was copied from `oldId` to `newId`: gives the id that the instance keeps using. Attachments move to the new
   * volume; with `error` the old one keeps them.
   */
  migrateVolumeCompletion(oldId: string, newId: string, error: boolean, signal?: AbortSignal): Promise<string>
  /**
   * The image takes the place of the content: `available`, `error`, or `reserved` if allowed; with more than one
   * attachment `conflict`. If it fails, the embedded service keeps the old content.
   */
  reimageVolume(
    volumeId: string,
    request: { imageFile?: string; imageId?: string; reimageReserved: boolean },
    signal?: AbortSignal,
  ): Promise<void>
}
