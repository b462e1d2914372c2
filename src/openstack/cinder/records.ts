/** Resources of the Block Storage API v3 as they were answered. Null where the service says null. */

export interface CinderVolumeAttachment {
  readonly attachmentId: string
  /** Null if it is attached to a host. */
  readonly serverId: string | null
  readonly device: string | null
  /** Only told to administrators. */
  readonly hostName: string | null
}

export interface CinderVolume {
  readonly id: string
  /** As it was sent. */
  readonly status: string
  /** GiB. */
  readonly size: number
  readonly availabilityZone: string | null
  readonly createdAt: string
  readonly name: string | null
  readonly description: string | null
  /** Its name, where it has one. */
  readonly volumeType: string | null
  readonly snapshotId: string | null
  readonly sourceVolumeId: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly bootable: boolean
  readonly encrypted: boolean
  readonly multiattach: boolean
  readonly attachments: readonly CinderVolumeAttachment[]
  /** From here on only where the service tells. */
  readonly imageMetadata?: Readonly<Record<string, string>> | undefined
  readonly sharedTargets?: boolean | null | undefined
  readonly serviceUuid?: string | null | undefined
  readonly migrationStatus?: string | null | undefined
  /** By which the backend knows it, if a migration gave it another name. Only told to administrators. */
  readonly nameId?: string | null | undefined
}

export interface CinderSnapshot {
  readonly id: string
  readonly status: string
  /** GiB. */
  readonly size: number
  readonly volumeId: string
  readonly createdAt: string
  readonly name: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** `100%`; not told of one that was just made. */
  readonly progress: string | undefined
}

/** As in a list. */
export interface CinderAttachmentSummary {
  readonly id: string
  readonly status: string
  readonly instanceId: string | null
  readonly volumeId: string
}

export interface CinderAttachment extends CinderAttachmentSummary {
  /** Null until it is attached. */
  readonly attachedAt: string | null
  /** Null until it is known. */
  readonly attachMode: string | null
  /** Undefined until it was connected. Its content is not checked here. */
  readonly connectionInfo: Readonly<Record<string, unknown>> | undefined
}

export interface CinderVolumeType {
  readonly id: string
  readonly name: string
  /** Undefined for who may not see them. */
  readonly extraSpecs: Readonly<Record<string, unknown>> | undefined
}

export interface CinderTypeEncryption {
  readonly provider: string
  readonly cipher: string | null
  /** Bits. */
  readonly keySize: number | null
  readonly controlLocation: string
}

/** Of a volume; each null where the service says nothing of it. */
export interface CinderEncryption {
  readonly keyId: string | null
  readonly provider: string | null
  readonly cipher: string | null
  readonly keySize: number | null
  readonly controlLocation: string | null
}

/** What went wrong with a resource after its request had been accepted. */
export interface CinderMessage {
  readonly id: string
  readonly resourceType: string | null
  readonly resourceId: string | null
  readonly userMessage: string
  readonly createdAt: string
}
