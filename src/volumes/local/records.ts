import type { EncryptionProvider } from '#src/core/encryption.ts'
import type {
  Attachment,
  AttachmentStatus,
  Snapshot,
  SnapshotStatus,
  Volume,
  VolumeAttachmentView,
  VolumeStatus,
  VolumeType,
} from '../volume-service.ts'
import type { Row } from './row.ts'

/** What a volume type or a volume says of its encryption. */
export interface Encryption {
  readonly provider: EncryptionProvider
  readonly cipher: string
  /** Bits. */
  readonly keySize: number
}

/** A file of the pool, as it is recorded. */
export interface PoolFile {
  /** Bytes before the payload: the encryption header; 0 for none. */
  readonly headerBytes: number
  /** `<inode>:<birth time in ns>`; null until the file is complete. */
  readonly inode: string | null
  readonly keyId: string | null
}

export interface VolumeRow extends Omit<Volume, 'attachments' | 'attachStatus' | 'encrypted'>, PoolFile {
  readonly encryption: Encryption | undefined
  readonly typeId: string | null
  /** Grows with every change of the status: tells whether the volume was touched in between. */
  readonly generation: number
}

export interface SnapshotRow extends Snapshot, PoolFile {}

export interface AttachmentRow extends Omit<Attachment, 'connectionInfo'> {
  readonly mountpoint: string
  /** Null until a connector was given. */
  readonly connectorHost: string | null
}

const VOLUME_STATES: readonly VolumeStatus[] = [
  'creating',
  'available',
  'reserved',
  'attaching',
  'in-use',
  'detaching',
  'extending',
  'deleting',
  'downloading',
  'error',
  'error_deleting',
  'error_extending',
]
const SNAPSHOT_STATES: readonly SnapshotStatus[] = ['creating', 'available', 'deleting', 'error', 'error_deleting']
const ATTACHMENT_STATES: readonly AttachmentStatus[] = [
  'reserved',
  'attaching',
  'attached',
  'detaching',
  'error_attaching',
]

function encryption(row: Row): Encryption | undefined {
  if (row.textOrNull('provider') === null) return undefined
  return {
    provider: row.oneOf('provider', ['luks', 'luks2']),
    cipher: row.text('cipher'),
    keySize: row.integer('key_size'),
  }
}

const poolFile = (row: Row): PoolFile => ({
  headerBytes: row.integer('header_bytes'),
  inode: row.textOrNull('inode'),
  keyId: row.textOrNull('key_id'),
})

/** Of a row of `volumes` with its type's name as `type_name`. */
export const volumeRow = (row: Row): VolumeRow => ({
  id: row.text('id'),
  name: row.textOrNull('name'),
  description: row.textOrNull('description'),
  status: row.oneOf('status', VOLUME_STATES),
  size: row.integer('size'),
  availabilityZone: row.text('availability_zone'),
  volumeType: row.textOrNull('type_name'),
  typeId: row.textOrNull('type_id'),
  bootable: row.truth('bootable'),
  multiattach: row.truth('multiattach'),
  snapshotId: row.textOrNull('snapshot_id'),
  sourceVolumeId: row.textOrNull('source_volume_id'),
  metadata: row.texts('metadata'),
  createdAt: row.text('created_at'),
  encryption: encryption(row),
  generation: row.integer('generation'),
  ...poolFile(row),
})

export const snapshotRow = (row: Row): SnapshotRow => ({
  id: row.text('id'),
  name: row.textOrNull('name'),
  description: row.textOrNull('description'),
  status: row.oneOf('status', SNAPSHOT_STATES),
  progress: row.text('progress'),
  size: row.integer('size'),
  volumeId: row.text('volume_id'),
  createdAt: row.text('created_at'),
  ...poolFile(row),
})

export const attachmentRow = (row: Row): AttachmentRow => ({
  id: row.text('id'),
  volumeId: row.text('volume_id'),
  instanceId: row.textOrNull('instance_id'),
  status: row.oneOf('status', ATTACHMENT_STATES),
  attachMode: row.oneOf('attach_mode', ['rw', 'ro']),
  attachedAt: row.textOrNull('attached_at'),
  mountpoint: row.text('mountpoint'),
  connectorHost: row.textOrNull('connector_host'),
})

export function volumeType(row: Row): VolumeType {
  const found = encryption(row)
  const type = { id: row.text('id'), name: row.text('name'), multiattach: row.truth('multiattach') }
  return found ? { ...type, encryption: { ...found, controlLocation: 'front-end' } } : type
}

export const attachmentView = (row: AttachmentRow): VolumeAttachmentView => ({
  attachmentId: row.id,
  serverId: row.instanceId ?? '',
  device: row.mountpoint,
})

/** `attached`: only those that the view shows. */
export function volumeView(row: VolumeRow, attached: readonly AttachmentRow[]): Volume {
  const { encryption: spec, typeId: _type, generation: _generation, keyId: _key, inode: _inode, ...rest } = row
  const { headerBytes: _header, ...view } = rest
  return {
    ...view,
    encrypted: spec !== undefined,
    attachments: attached.map(attachmentView),
    attachStatus: attached.length > 0 ? 'attached' : 'detached',
  }
}

export function snapshotView(row: SnapshotRow): Snapshot {
  const { headerBytes: _header, inode: _inode, keyId: _key, ...view } = row
  return view
}
