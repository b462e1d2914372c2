import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { gibToBytes } from '#src/core/sizes.ts'
import { invalidVolume } from '../errors.ts'
import type { Attachment } from '../volume-service.ts'
import type { AttachmentRow, VolumeRow } from './records.ts'

/** What the host of the pool needs to reach the volume, from what is recorded. */
export function connectionInfo(
  volume: VolumeRow,
  path: string,
  asked: { readonly host: string; readonly attachmentId?: string; readonly mode: 'rw' | 'ro' },
): LocalConnectionInfo {
  if (volume.inode === null) throw invalidVolume(volume.id, `volume ${volume.id} has no file: it was never completed`)
  return {
    driver_volume_type: 'local',
    volume_id: volume.id,
    attachment_id: asked.attachmentId,
    host: asked.host,
    data: {
      device_path: path,
      size_bytes: fileBytes(volume),
      access_mode: asked.mode,
      encrypted: volume.encryption !== undefined,
      multiattach: volume.multiattach,
      discard: true,
      inode: volume.inode,
      luks_uuid: volume.encryption ? volume.id : undefined,
    },
  }
}

/** The whole file: header and payload. */
export const fileBytes = (row: { readonly headerBytes: number; readonly size: number }): number =>
  row.headerBytes + gibToBytes(row.size)

export function attachment(row: AttachmentRow, volume: VolumeRow, path: string): Attachment {
  const { mountpoint: _mountpoint, connectorHost, ...view } = row
  if (connectorHost === null) return view
  const asked = { host: connectorHost, attachmentId: row.id, mode: row.attachMode }
  return { ...view, connectionInfo: connectionInfo(volume, path, asked) }
}
