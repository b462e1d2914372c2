import { hasCode } from '#src/core/error.ts'
import type { Volume, VolumeAttachmentView } from '#src/volumes/volume-service.ts'
import type { Walk } from '../walk.ts'
import { connectorOf } from './connector.ts'
import type { AttachmentFlow } from './flow.ts'

/**
 * Reserve, initialize, attach, and back: for a Cinder without the attachments resource. The service does not record for whom
 * a volume is `attaching`; that it is for us follows from our own row, made before the volume was reserved.
 */
export const legacyFlow: AttachmentFlow = {
  async reserve(walk, volumeId, signal) {
    await walk.services(volumeId).volumes.reserveVolume(volumeId, signal)
    return {}
  },

  async export(walk, volumeId, signal) {
    return await walk
      .services(volumeId)
      .volumes.initializeConnection(volumeId, connectorOf(walk.parts.settings), signal)
  },

  async complete(walk, volumeId, signal) {
    const { volumes } = walk.services(volumeId)
    if (ownAttachment(walk, await volumes.get(volumeId, signal))) return 'already'
    const { target, connectionInfo } = walk.mapping(volumeId)
    const mode = connectionInfo?.data.access_mode ?? 'rw'
    await volumes.attach(volumeId, { instanceId: walk.instance.id, mountpoint: `/dev/${target}`, mode }, signal)
    return 'made'
  },

  async isStanding(walk, volumeId, signal) {
    const volume = await find(walk, volumeId, signal)
    return volume !== undefined && ownAttachment(walk, volume) !== undefined
  },

  /** The connection first: once the volume is free, another host may be given it. */
  async release(walk, volumeId, signal) {
    const volume = await find(walk, volumeId, signal)
    if (!volume) return 'already'
    const { volumes } = walk.services(volumeId)
    const own = ownAttachment(walk, volume)
    if (!own && volume.status !== 'attaching') return 'already'
    const { connectionInfo } = walk.mapping(volumeId)
    if (connectionInfo) await volumes.terminateConnection(volumeId, connectorOf(walk.parts.settings), signal)
    if (own) {
      const request = { instanceId: walk.instance.id, attachmentId: own.attachmentId }
      await volumes.detach(volumeId, request, signal)
    } else await volumes.unreserveVolume(volumeId, signal)
    return 'made'
  },
}

const ownAttachment = (walk: Walk, volume: Volume): VolumeAttachmentView | undefined =>
  volume.attachments.find(({ serverId }) => serverId === walk.instance.id)

async function find(walk: Walk, volumeId: string, signal: AbortSignal): Promise<Volume | undefined> {
  try {
    return await walk.services(volumeId).volumes.get(volumeId, signal)
  } catch (error) {
    if (hasCode(error, 'volume-not-found')) return undefined
    throw error
  }
}
