import type { AttachmentStatus, VolumeStatus } from '#src/volumes/volume-service.ts'

export interface SimTypeRow {
  readonly id: string
  readonly name: string
  readonly extraSpecs: Record<string, string>
  readonly encryption?:
    | {
        readonly provider: string
        readonly cipher: string | null
        readonly keySize: number | null
        readonly controlLocation: string
      }
    | undefined
  /** Where its volumes lie; undefined: nowhere, so that none can be made. */
  readonly backend: 'lab' | 'ceph' | undefined
  /** Its storage is in this availability zone, `nova` unless told. */
  readonly zone?: string | undefined
}

/** What the service is about to do, when it will be done (the world's monotonic clock), and what it then is. */
export type Task = { readonly due: number } & (
  | { readonly do: 'create' }
  | { readonly do: 'fail'; readonly event: string; readonly text: string }
  | { readonly do: 'extend'; readonly size: number; readonly before: VolumeStatus }
  | { readonly do: 'reimage'; readonly imageId: string; readonly before: VolumeStatus }
  | { readonly do: 'delete' }
)

export interface SimVolumeRow {
  readonly id: string
  readonly projectId: string
  readonly userId: string
  name: string | null
  description: string | null
  status: VolumeStatus
  size: number
  readonly zone: string
  readonly typeId: string
  readonly backend: 'lab' | 'ceph' | undefined
  readonly snapshotId: string | null
  readonly sourceId: string | null
  imageId: string | null
  metadata: Record<string, string>
  /** Shown with the metadata: `readonly`, `attached_mode`. */
  adminMetadata: Record<string, string>
  bootable: boolean
  readonly multiattach: boolean
  readonly keyId: string | null
  /** Milliseconds since 1970. */
  readonly createdAt: number
  updatedAt: number | undefined
  task: Task | undefined
}

export interface SimAttachmentRow {
  readonly id: string
  readonly volumeId: string
  readonly projectId: string
  readonly instanceId: string | null
  status: AttachmentStatus
  /** `null` is a word here, as in Cinder's database. */
  mode: 'rw' | 'ro' | 'null'
  host: string | null
  mountpoint: string | null
  attachedAt: number | undefined
  connectionInfo: Record<string, unknown>
}

export interface SimSnapshotRow {
  readonly id: string
  readonly projectId: string
  readonly userId: string
  readonly volumeId: string
  readonly size: number
  readonly keyId: string | null
  name: string | null
  description: string | null
  metadata: Record<string, string>
  status: string
  progress: string
  readonly createdAt: number
  updatedAt: number | undefined
  task: { readonly due: number; readonly do: 'create' | 'delete' } | undefined
}
