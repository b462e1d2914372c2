/** Bodies of requests, as the Block Storage API v3 takes them. What is undefined does not go out. */

export interface NewVolume {
  /** GiB; null: that of the source. */
  readonly size: number | null
  readonly name?: string | undefined
  readonly description?: string | undefined
  /** Name or id. */
  readonly volumeType?: string | undefined
  readonly availabilityZone?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly snapshotId?: string | undefined
  readonly sourceVolumeId?: string | undefined
  readonly imageId?: string | undefined
}

export const volumeBody = (volume: NewVolume) => ({
  volume: {
    size: volume.size,
    name: volume.name,
    description: volume.description,
    volume_type: volume.volumeType,
    availability_zone: volume.availabilityZone,
    metadata: volume.metadata ?? {},
    snapshot_id: volume.snapshotId,
    source_volid: volume.sourceVolumeId,
    imageRef: volume.imageId,
  },
})

/** Who wants to reach a volume; JSON, as the connection's driver wants it. */
export type Connector = object

/** Actions of a volume, by name, with what each is told. */
export const volumeActions = {
  reserve: () => ({ 'os-reserve': null }),
  unreserve: () => ({ 'os-unreserve': null }),
  beginDetaching: () => ({ 'os-begin_detaching': null }),
  rollDetaching: () => ({ 'os-roll_detaching': null }),
  attach: (request: { readonly instanceId: string; readonly mountpoint: string; readonly mode: 'rw' | 'ro' }) => ({
    'os-attach': { instance_uuid: request.instanceId, mountpoint: request.mountpoint, mode: request.mode },
  }),
  detach: (attachmentId: string | undefined) => ({ 'os-detach': { attachment_id: attachmentId ?? null } }),
  initializeConnection: (connector: Connector) => ({ 'os-initialize_connection': { connector } }),
  terminateConnection: (connector: Connector) => ({ 'os-terminate_connection': { connector } }),
  extend: (size: number) => ({ 'os-extend': { new_size: size } }),
  migrateVolumeCompletion: (newVolumeId: string, error: boolean) => ({
    'os-migrate_volume_completion': { new_volume: newVolumeId, error },
  }),
  /** From microversion 3.68. */
  reimage: (imageId: string, reimageReserved: boolean) => ({
    'os-reimage': { image_id: imageId, reimage_reserved: reimageReserved },
  }),
} as const

export interface NewAttachment {
  readonly volumeId: string
  readonly instanceId?: string | undefined
  /** Left out: the volume is only reserved. */
  readonly connector?: Connector | undefined
}

export const attachmentBody = ({ volumeId, instanceId, connector }: NewAttachment) => ({
  attachment: { volume_uuid: volumeId, instance_uuid: instanceId, connector: connector ?? null },
})

export const connectorBody = (connector: Connector) => ({ attachment: { connector } })

export const COMPLETE = { 'os-complete': null } as const

export interface NewSnapshot {
  readonly volumeId: string
  readonly name?: string | undefined
  readonly description?: string | undefined
  /** Also of a volume that is in use. */
  readonly force?: boolean | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export const snapshotBody = (snapshot: NewSnapshot) => ({
  snapshot: {
    volume_id: snapshot.volumeId,
    force: snapshot.force === true,
    name: snapshot.name,
    description: snapshot.description,
    metadata: snapshot.metadata ?? {},
  },
})

/** What a driver of file based snapshots reports; the progress is always the same. */
export const snapshotStatusBody = (status: string) => ({ 'os-update_snapshot_status': { status, progress: '90%' } })

export interface NewVolumeType {
  readonly name: string
  readonly description?: string | undefined
  readonly extraSpecs?: Readonly<Record<string, string>> | undefined
}

export const typeBody = ({ name, description, extraSpecs }: NewVolumeType) => ({
  volume_type: { name, description, extra_specs: extraSpecs ?? {}, 'os-volume-type-access:is_public': true },
})

export interface NewTypeEncryption {
  readonly provider: string
  readonly cipher: string
  /** Bits. */
  readonly keySize: number
  readonly controlLocation: 'front-end' | 'back-end'
}

export const typeEncryptionBody = (encryption: NewTypeEncryption) => ({
  encryption: {
    provider: encryption.provider,
    cipher: encryption.cipher,
    key_size: encryption.keySize,
    control_location: encryption.controlLocation,
  },
})
