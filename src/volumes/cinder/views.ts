import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type {
  CinderAttachment,
  CinderAttachmentSummary,
  CinderSnapshot,
  CinderVolume,
  CinderVolumeAttachment,
} from '#src/openstack/cinder/index.ts'
import type {
  Attachment,
  AttachmentStatus,
  Snapshot,
  SnapshotStatus,
  Volume,
  VolumeAttachmentView,
  VolumeStatus,
} from '../volume-service.ts'
import { REQUEST_MARK } from './settings.ts'

/** The facade's views. Statuses are given as they were sent, also those that nobody knows. */

const NONE: readonly VolumeAttachmentView[] = []

export function volumeView(volume: CinderVolume): Volume {
  const attachments = volume.attachments.length === 0 ? NONE : volume.attachments.map(attachedView)
  const view: { -readonly [Field in keyof Volume]: Volume[Field] } = {
    id: volume.id,
    name: volume.name,
    description: volume.description,
    status: volume.status as VolumeStatus,
    size: volume.size,
    availabilityZone: volume.availabilityZone ?? '',
    volumeType: volume.volumeType,
    encrypted: volume.encrypted,
    bootable: volume.bootable,
    multiattach: volume.multiattach,
    snapshotId: volume.snapshotId,
    sourceVolumeId: volume.sourceVolumeId,
    metadata: withoutMark(volume.metadata),
    attachments,
    attachStatus: attachments.length > 0 ? 'attached' : 'detached',
    createdAt: volume.createdAt,
  }
  if (volume.imageMetadata !== undefined) view.imageMetadata = volume.imageMetadata
  if (volume.sharedTargets !== undefined) view.sharedTargets = volume.sharedTargets
  if (volume.serviceUuid !== undefined) view.serviceUuid = volume.serviceUuid
  if (volume.migrationStatus !== undefined) view.migrationStatus = volume.migrationStatus
  return view
}

const attachedView = ({ attachmentId, serverId, device }: CinderVolumeAttachment): VolumeAttachmentView => ({
  attachmentId,
  serverId: serverId ?? '',
  device: device ?? '',
})

function withoutMark(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (metadata[REQUEST_MARK] === undefined) return metadata
  const { [REQUEST_MARK]: _mark, ...rest } = metadata
  return rest
}

/** One that was just made does not say how far it is. */
export const snapshotView = (snapshot: CinderSnapshot): Snapshot => ({
  id: snapshot.id,
  name: snapshot.name,
  description: snapshot.description,
  status: snapshot.status as SnapshotStatus,
  size: snapshot.size,
  volumeId: snapshot.volumeId,
  progress: snapshot.progress ?? '0%',
  createdAt: snapshot.createdAt,
})

export function attachmentView(raw: CinderAttachment, connectionInfo: ConnectionInfo | undefined): Attachment {
  return {
    ...summaryView(raw),
    attachMode: raw.attachMode === 'ro' ? 'ro' : 'rw',
    attachedAt: isAttached(raw.status) ? raw.attachedAt : null,
    ...(connectionInfo && { connectionInfo }),
  }
}

/** The service notes a time when it connects, too. */
const isAttached = (status: string): boolean => status === 'attached' || status === 'detaching'

/** Lists do not say by which mode and since when. */
export const summaryView = (raw: CinderAttachmentSummary): Attachment => ({
  id: raw.id,
  volumeId: raw.volumeId,
  instanceId: raw.instanceId,
  status: raw.status as AttachmentStatus,
  attachMode: 'rw',
  attachedAt: null,
})
