import { anyMade, type Change } from '#src/core/change.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { connectorOf } from './connector.ts'
import type { AttachmentFlow } from './flow.ts'

/** Cinder's attachments resource (3.44), and the embedded service's. */
export const attachmentFlow: AttachmentFlow = {
  async reserve(walk, volumeId, signal) {
    const request = { volumeId, instanceId: walk.instance.id }
    const { id } = await walk.services(volumeId).volumes.attachmentCreate(request, signal)
    return { attachmentId: id }
  },

  async export(walk, volumeId, signal) {
    const { attachmentId, target } = walk.mapping(volumeId)
    if (attachmentId === undefined) {
      throw new HoldfastError('internal', 'internal', `volume ${volumeId} is not reserved`)
    }
    const { volumes } = walk.services(volumeId)
    const connector = connectorOf(walk.parts.settings)
    return (await volumes.attachmentUpdate(attachmentId, connector, `/dev/${target}`, signal)).connectionInfo
  },

  async complete(walk, volumeId, signal) {
    const { attachmentId } = walk.mapping(volumeId)
    if (attachmentId !== undefined) await walk.services(volumeId).volumes.attachmentComplete(attachmentId, signal)
    return 'made'
  },

  async isStanding(walk, volumeId, signal) {
    const { attachmentId } = walk.mapping(volumeId)
    if (attachmentId === undefined) return true
    try {
      await walk.services(volumeId).volumes.attachmentGet(attachmentId, signal)
      return true
    } catch (error) {
      if (hasCode(error, 'attachment-not-found')) return false
      throw error
    }
  },

  /**
   * One that was made although its id was never recorded (the process died, or the reply was lost) is found by instance and
   * volume: an instance has a volume at most once.
   */
  async release(walk, volumeId, signal) {
    const { volumes } = walk.services(volumeId)
    const { attachmentId } = walk.mapping(volumeId)
    if (attachmentId !== undefined) return await volumes.attachmentDelete(attachmentId, signal)
    const left = await volumes.attachmentGetAll({ volumeId, instanceId: walk.instance.id }, signal)
    const changes: Change[] = []
    for (const { id } of left) changes.push(await volumes.attachmentDelete(id, signal))
    return anyMade(changes)
  },
}
