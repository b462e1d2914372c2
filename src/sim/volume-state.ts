import type { Change } from '#src/core/change.ts'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import type { EncryptionProvider, EncryptionSpec } from '#src/core/encryption.ts'
import type { Secret } from '#src/core/secret.ts'
import { GIB } from '#src/core/sizes.ts'
import {
  attachmentNotFound,
  snapshotNotFound,
  volumeNotFound,
  volumeTypeNotFound,
  wrongVolumeState,
} from '#src/volumes/errors.ts'
import { ATTACH_STATES, isAttached, statusFrom } from '#src/volumes/rules.ts'
import type {
  AbsoluteLimits,
  Attachment,
  AttachmentFilter,
  Snapshot,
  Volume,
  VolumeFilter,
  VolumeStatus,
  VolumeType,
} from '#src/volumes/volume-service.ts'
import type { Copier, Forkable } from './copy.ts'
import type { World } from './world.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface SimEncryption {
  readonly provider: EncryptionProvider
  readonly cipher: string
  readonly keySize: number
}

export type SimVolume = Mutable<Omit<Volume, 'attachments' | 'attachStatus' | 'encrypted'>> & {
  typeId: string | null
  encryption: SimEncryption | undefined
  keyId: string | null
  headerBytes: number
  inode: string
}

export type SimSnapshot = Mutable<Snapshot> & { readonly origin: SimVolume; keyId: string | null }

export type SimAttachment = Mutable<Omit<Attachment, 'connectionInfo'>> & {
  mountpoint: string
  connectorHost: string | null
}

/** An image that the simulated service may be told to read. */
export interface SimImage {
  readonly bytes: number
  readonly flaw?: 'backing-file' | 'not-an-image'
}

export interface SimQuotas {
  readonly volumes: number
  readonly gigabytes: number
  readonly snapshots: number
}

export interface SimVolumeOptions {
  readonly keys: {
    create(spec: { algorithm: 'aes'; bitLength: 256; name?: string }, signal?: AbortSignal): Promise<string>
    get(id: string, signal?: AbortSignal): Promise<{ readonly secret: Secret }>
    delete(id: string, signal?: AbortSignal): Promise<Change>
    list?(signal?: AbortSignal): Promise<readonly string[]>
  }
  readonly availabilityZone?: string
  readonly quotas?: Partial<SimQuotas>
  /** Where its files lie in the world. */
  readonly pool?: string
}

/** What a simulated volume service has recorded. It outlives process and host. */
export class SimVolumeState implements Forkable<World> {
  readonly volumes = new Map<string, SimVolume>()
  readonly snapshots = new Map<string, SimSnapshot>()
  readonly attachments = new Map<string, SimAttachment>()
  readonly types = new Map<string, VolumeType>()
  readonly images = new Map<string, SimImage>()
  /** For each key in the making: those that there were before it. */
  readonly keysBefore = new Set<readonly string[]>()
  /** The process that used it last. */
  life: unknown

  fork(_: World, copy: Copier): SimVolumeState {
    const made = new SimVolumeState()
    for (const name of ['volumes', 'snapshots', 'attachments', 'types', 'images'] as const) {
      const into: Map<string, unknown> = made[name]
      for (const [key, value] of this[name]) into.set(key, copy<unknown>(value))
    }
    for (const keys of this.keysBefore) made.keysBefore.add(copy(keys))
    return made
  }

  volume(id: string): SimVolume {
    const found = this.volumes.get(id)
    if (!found) throw volumeNotFound(id)
    return found
  }

  snapshot(id: string): SimSnapshot {
    const found = this.snapshots.get(id)
    if (!found) throw snapshotNotFound(id)
    return found
  }

  attachment(id: string): SimAttachment {
    const found = this.attachments.get(id)
    if (!found) throw attachmentNotFound(id)
    return found
  }

  type(nameOrId: string): VolumeType {
    const found = this.types.get(nameOrId) ?? [...this.types.values()].find(type => type.name === nameOrId)
    if (!found) throw volumeTypeNotFound(nameOrId)
    return found
  }

  /** The volume, if it is in one of the states that allow the verb. */
  inState(id: string, allowed: readonly VolumeStatus[], verb: string): SimVolume {
    const volume = this.volume(id)
    if (!allowed.includes(volume.status)) throw wrongVolumeState(volume, verb, allowed)
    return volume
  }

  encryptionSpec(volumeId: string): EncryptionSpec | undefined {
    const { encryption, keyId } = this.volume(volumeId)
    if (!encryption || keyId === null) return undefined
    const { provider, cipher, keySize } = encryption
    return { provider, cipher, keySize, controlLocation: 'front-end', keyId }
  }

  volumesBy({ name, status }: VolumeFilter): SimVolume[] {
    return [...this.volumes.values()].filter(
      row => row.name === (name ?? row.name) && row.status === (status ?? row.status),
    )
  }

  attachmentsOf({ volumeId, instanceId }: AttachmentFilter): SimAttachment[] {
    return [...this.attachments.values()].filter(
      row => row.volumeId === (volumeId ?? row.volumeId) && row.instanceId === (instanceId ?? row.instanceId),
    )
  }

  settle(volumeId: string): void {
    const volume = this.volumes.get(volumeId)
    if (!volume || !ATTACH_STATES.includes(volume.status)) return
    volume.status = statusFrom(this.attachmentsOf({ volumeId }).map(row => row.status))
  }

  limits(quotas: SimQuotas): AbsoluteLimits {
    const sum = (rows: Iterable<{ size: number }>) => [...rows].reduce((total, { size }) => total + size, 0)
    return {
      maxTotalVolumes: quotas.volumes,
      maxTotalVolumeGigabytes: quotas.gigabytes,
      maxTotalSnapshots: quotas.snapshots,
      totalVolumesUsed: this.volumes.size,
      totalGigabytesUsed: sum(this.volumes.values()) + sum(this.snapshots.values()),
      totalSnapshotsUsed: this.snapshots.size,
    }
  }

  volumeView(row: SimVolume): Volume {
    const { typeId: _type, encryption, keyId: _key, headerBytes: _header, inode: _inode, ...view } = row
    const attached = this.attachmentsOf({ volumeId: row.id }).filter(each => isAttached(each.status))
    return {
      ...view,
      encrypted: encryption !== undefined,
      attachments: attached.map(({ id, instanceId, mountpoint }) => ({
        attachmentId: id,
        serverId: instanceId ?? '',
        device: mountpoint,
      })),
      attachStatus: attached.length > 0 ? 'attached' : 'detached',
    }
  }

  attachmentView(row: SimAttachment, path: string): Attachment {
    const { mountpoint: _mountpoint, connectorHost, ...view } = row
    if (connectorHost === null) return view
    const asked = { host: connectorHost, attachmentId: row.id, mode: row.attachMode }
    return { ...view, connectionInfo: simConnectionInfo(this.volume(row.volumeId), path, asked) }
  }
}

/** What the volume service of this simulated host has recorded. */
export const simVolumeState = (world: Pick<World, 'slot'>): SimVolumeState =>
  world.slot('volumes', () => new SimVolumeState())

export const simSnapshotView = ({ origin: _origin, keyId: _key, ...view }: SimSnapshot): Snapshot => view

export const simFileBytes = (row: { readonly headerBytes: number; readonly size: number }) =>
  row.headerBytes + row.size * GIB

export const simConnectionInfo = (
  volume: SimVolume,
  path: string,
  asked: { readonly host: string; readonly attachmentId?: string; readonly mode: 'rw' | 'ro' },
): LocalConnectionInfo => ({
  driver_volume_type: 'local',
  volume_id: volume.id,
  attachment_id: asked.attachmentId,
  host: asked.host,
  data: {
    device_path: path,
    size_bytes: simFileBytes(volume),
    access_mode: asked.mode,
    encrypted: volume.encryption !== undefined,
    multiattach: volume.multiattach,
    discard: true,
    inode: volume.inode,
    luks_uuid: volume.encryption ? volume.id : undefined,
  },
})

export const unlessAbsent = <T, R>(row: T | undefined, view: (row: T) => R): R | undefined =>
  row === undefined ? undefined : view(row)
