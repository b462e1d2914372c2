import { VOLUME } from '../places.ts'
import { attachmentsOf, type CinderCall } from './call.ts'
import type { SimAttachmentRow, SimSnapshotRow, SimTypeRow, SimVolumeRow } from './rows.ts'
import { preciseTimeText, timeText } from './times.ts'

/** Id of the service that the volumes belong to. */
const SERVICE_UUID = 'f03dcc04-e15b-4f34-8b19-cc704db594d7'

export const linksOf = ({ caller }: Pick<CinderCall, 'caller'>, path: string): readonly unknown[] => [
  { rel: 'self', href: `${VOLUME}/v3/${caller.projectId}/${path}` },
  { rel: 'bookmark', href: `${VOLUME}/${caller.projectId}/${path}` },
]

/** `fresh`: of one that was just made; `full`: with the extensions, as when it is asked for. */
export function volumeView(call: CinderCall, row: SimVolumeRow, how: 'fresh' | 'plain' | 'full'): object {
  const type = call.state.types.get(row.typeId)
  return {
    id: row.id,
    status: row.status,
    size: row.size,
    availability_zone: row.zone,
    created_at: how === 'fresh' ? preciseTimeText(row.createdAt) : timeText(row.createdAt),
    updated_at: row.updatedAt === undefined ? null : timeText(row.updatedAt),
    name: row.name,
    description: row.description,
    volume_type: type?.name ?? null,
    snapshot_id: row.snapshotId,
    source_volid: row.sourceId,
    metadata: { ...row.metadata, ...row.adminMetadata },
    links: linksOf(call, `volumes/${row.id}`),
    user_id: row.userId,
    bootable: String(row.bootable),
    encrypted: row.keyId !== null,
    replication_status: null,
    consistencygroup_id: null,
    multiattach: row.multiattach,
    attachments: attachedOf(call, row),
    ...versioned(call, row),
    ...(how === 'full' && extended(call, row)),
  }
}

/** Only those that are attached. */
function attachedOf({ state, isAdmin }: CinderCall, row: SimVolumeRow): readonly unknown[] {
  return attachmentsOf(state, row.id)
    .filter(({ status }) => status === 'attached')
    .map(each => ({
      id: row.id,
      attachment_id: each.id,
      volume_id: row.id,
      server_id: each.instanceId,
      host_name: isAdmin ? each.host : null,
      device: each.mountpoint,
      attached_at: each.attachedAt === undefined ? null : timeText(each.attachedAt),
    }))
}

function versioned({ minor, isAdmin }: CinderCall, row: SimVolumeRow): object {
  return {
    ...(isAdmin && { migration_status: null }),
    ...(minor >= 13 && { group_id: null }),
    ...(minor >= 21 && isAdmin && { provider_id: null }),
    ...(minor >= 48 && { shared_targets: true, service_uuid: SERVICE_UUID }),
    ...(minor >= 61 && isAdmin && { cluster_name: null }),
    ...(minor >= 63 && { volume_type_id: row.typeId }),
    ...(minor >= 64 && row.keyId !== null && { encryption_key_id: row.keyId }),
    ...(minor >= 65 && { consumes_quota: true }),
  }
}

function extended({ state, isAdmin }: CinderCall, row: SimVolumeRow): object {
  const image = state.images.get(row.imageId ?? '')
  return {
    'os-vol-tenant-attr:tenant_id': row.projectId,
    ...(image && { volume_image_metadata: { ...image.metadata, image_id: image.id } }),
    ...(isAdmin && {
      'os-vol-mig-status-attr:migstat': null,
      'os-vol-mig-status-attr:name_id': null,
      'os-vol-host-attr:host': `${row.backend}@${row.backend}1#${row.backend}1`,
    }),
  }
}

export const attachmentSummary = (row: SimAttachmentRow) => ({
  id: row.id,
  status: row.status,
  instance: row.instanceId,
  volume_id: row.volumeId,
})

export const attachmentView = (row: SimAttachmentRow): object => ({
  ...attachmentSummary(row),
  attached_at: row.attachedAt === undefined ? '' : timeText(row.attachedAt),
  detached_at: '',
  attach_mode: row.mode,
  connection_info: row.connectionInfo,
})

export function snapshotView({ minor }: CinderCall, row: SimSnapshotRow, how: 'fresh' | 'full'): object {
  return {
    id: row.id,
    created_at: how === 'fresh' ? preciseTimeText(row.createdAt) : timeText(row.createdAt),
    updated_at: row.updatedAt === undefined ? null : timeText(row.updatedAt),
    name: row.name,
    description: row.description,
    volume_id: row.volumeId,
    status: row.status,
    size: row.size,
    metadata: row.metadata,
    ...(minor >= 14 && { group_snapshot_id: null }),
    ...(minor >= 41 && { user_id: row.userId }),
    ...(minor >= 65 && { consumes_quota: true }),
    ...(how === 'full' && {
      'os-extended-snapshot-attributes:project_id': row.projectId,
      'os-extended-snapshot-attributes:progress': row.progress,
    }),
  }
}

export const typeView = ({ id, name, extraSpecs }: SimTypeRow): object => ({
  id,
  name,
  is_public: true,
  description: null,
  extra_specs: extraSpecs,
  'os-volume-type-access:is_public': true,
})
