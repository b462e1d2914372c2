import type { BlockDeviceMapping } from '#src/store/records.ts'
import type { Attachment } from '#src/volumes/volume-service.ts'
import { type Diagnosis, FOREIGN, fixable, harmless, operators } from './diagnosis.ts'
import { instanceLabel, type Picture } from './picture.ts'

/** What the volume service has on attachments, against the records. */
export function compareAttachments(picture: Picture): readonly Diagnosis[] {
  const { attachments, mappings, volumes } = picture.facts
  if (!attachments) return []
  const known = new Set(attachments.map(({ id }) => id))
  const recorded = new Set(mappings.map(({ attachmentId }) => attachmentId))
  const lost = mappings
    .filter(
      row => row.attachmentId !== undefined && !known.has(row.attachmentId) && !picture.isInterrupted(row.instanceId),
    )
    .flatMap(row => lostAttachment(picture, row))
  const isKnown = (found: Attachment) => recorded.has(found.id) || isLegacy(mappings, found)
  const more = attachments.filter(found => !isKnown(found)).flatMap(found => unrecorded(picture, found))
  const detaching = (volumes ?? [])
    .filter(({ status }) => status === 'detaching')
    .flatMap(({ id }) => stillDetaching(picture, id))
  return [...lost, ...more, ...detaching]
}

/** The older generation has no ids to record: it goes by instance and volume. */
const isLegacy = (mappings: readonly BlockDeviceMapping[], { instanceId, volumeId }: Attachment): boolean =>
  mappings.some(row => row.generation === 'legacy' && row.instanceId === instanceId && row.volumeId === volumeId)

function lostAttachment(picture: Picture, row: BlockDeviceMapping): readonly Diagnosis[] {
  const instance = picture.instance(row.instanceId)
  if (!instance) return []
  const label = picture.volumeLabel(row.volumeId)
  return [
    operators(
      {
        code: 'attachment-lost',
        key: row.id,
        danger: 'high',
        object: `attachment ${row.attachmentId}`,
        owner: `${instanceLabel(instance)}, volume ${label}`,
        message: `the volume service no longer knows that volume ${label} is attached to instance ${instance.name}; it may give it to another`,
      },
      'detach the volume from the instance',
      [`holdfast instance detach ${instance.name} ${row.volumeId}`],
    ),
  ]
}

/** One that our records do not have. Ours to give up only if the instance is, or was, ours. */
function unrecorded(picture: Picture, { id, instanceId, volumeId, status }: Attachment): readonly Diagnosis[] {
  const object = `attachment ${id}`
  const label = picture.volumeLabel(volumeId)
  const instance = instanceId === null ? undefined : picture.instance(instanceId)
  if (instance && picture.isInterrupted(instance.id)) return []
  if (!instance && (instanceId === null || !picture.facts.former.has(instanceId))) {
    const message = `volume ${label} is ${status} for ${instanceId === null ? 'no instance' : `instance ${instanceId}`}, which Holdfast does not know`
    return [harmless({ code: 'attachment-foreign', key: id, object, owner: FOREIGN, message })]
  }
  const whose = instance ? instanceLabel(instance) : `former instance ${instanceId}`
  const message = `the volume service has volume ${label} as ${status} for ${whose}, which does not have it by the records`
  return [
    fixable(
      { code: 'attachment-leftover', key: id, danger: 'low', object, owner: `${whose}, volume ${label}`, message },
      'give up the attachment',
      [`delete attachment ${id}; the volume and its data stay`],
      { do: 'release', attachmentId: id, volumeId, cloud: picture.cloudOf(volumeId) },
    ),
  ]
}

function stillDetaching(picture: Picture, volumeId: string): readonly Diagnosis[] {
  const owners = picture.ownersOf(volumeId)
  if (owners.length === 0 || owners.some(({ id }) => picture.isInterrupted(id))) return []
  const label = picture.volumeLabel(volumeId)
  const owner = `${owners.map(instanceLabel).join(', ')}, volume ${label}`
  const message = `volume ${label} is 'detaching' at the volume service, but nothing is detaching it`
  return [
    fixable(
      { code: 'volume-detaching', key: volumeId, danger: 'low', object: `volume ${label}`, owner, message },
      'keep it attached',
      [`put volume ${label} back to in-use`],
      { do: 'keep-attached', volumeId, cloud: picture.cloudOf(volumeId) },
    ),
  ]
}
