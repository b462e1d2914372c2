import type { Attachment } from '#src/volumes/volume-service.ts'
import type { Column, FieldRow } from './table.ts'
import type { Json } from './views.ts'

/** Attachments, limits and clouds, for eyes and for programs. Connection info is told without anything secret. */

export const ATTACHMENT_COLUMNS: readonly Column<Attachment>[] = [
  { header: 'id', value: ({ id }) => id },
  { header: 'volume', value: ({ volumeId }) => volumeId },
  { header: 'instance', value: ({ instanceId }) => instanceId ?? '-' },
  { header: 'status', value: ({ status }) => status, status: true },
  { header: 'mode', value: ({ attachMode }) => attachMode },
]

export const attachmentFields = (attachment: Attachment): readonly FieldRow[] => [
  ['id', attachment.id],
  ['volume_id', attachment.volumeId],
  ['instance', attachment.instanceId],
  ['status', attachment.status],
  ['attach_mode', attachment.attachMode],
  ['attached_at', attachment.attachedAt],
  ['driver_volume_type', attachment.connectionInfo?.driver_volume_type],
  ['host', attachment.connectionInfo?.host],
  ['encrypted', attachment.connectionInfo === undefined ? undefined : String(attachment.connectionInfo.data.encrypted)],
]

export const attachmentJson = (attachment: Attachment): Json => ({
  id: attachment.id,
  volume_id: attachment.volumeId,
  instance: attachment.instanceId,
  status: attachment.status,
  attach_mode: attachment.attachMode,
  attached_at: attachment.attachedAt,
  connection_info: attachment.connectionInfo === undefined ? null : connectionJson(attachment.connectionInfo),
})

/** Sealed values say nothing to whom they are shown. */
const HIDDEN: ReadonlySet<string> = new Set(['keyring', 'auth_password', 'discovery_auth_password'])

const connectionJson = ({ driver_volume_type, host, data }: NonNullable<Attachment['connectionInfo']>): Json => ({
  driver_volume_type,
  host,
  data: Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, HIDDEN.has(key) && value !== undefined ? '***' : value]),
  ),
})
