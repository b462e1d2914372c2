import { actOnVolume } from './actions.ts'
import {
  completeAttachment,
  createAttachment,
  deleteAttachment,
  detailAttachments,
  listAttachments,
  showAttachment,
  updateAttachment,
} from './attachments.ts'
import { badRequest, type CinderRoute, notFound } from './call.ts'
import { createVolume } from './create.ts'
import { listMessages, listServices, listZones } from './misc.ts'
import { limits, showQuota, updateQuota } from './quotas.ts'
import { actOnSnapshot, createSnapshot, deleteSnapshot, listSnapshots, showSnapshot } from './snapshots.ts'
import { createType, createTypeEncryption, deleteType, listTypes, showType, showTypeEncryption } from './types.ts'
import {
  deleteVolume,
  detailVolumes,
  listVolumes,
  setMetadata,
  showEncryption,
  showEncryptionItem,
  showVolume,
  updateVolume,
} from './volumes.ts'

/** Of a microversion that is too old, as the routes themselves answer. */
export const tooOld = () => notFound('The resource could not be found.')

/** Paths below the project. */
export const CINDER_ROUTES: readonly CinderRoute[] = [
  { method: 'GET', pattern: 'volumes', verb: 'list-volumes', run: listVolumes },
  { method: 'GET', pattern: 'volumes/detail', verb: 'list-volumes', run: detailVolumes },
  { method: 'POST', pattern: 'volumes', verb: 'create-volume', run: createVolume },
  { method: 'GET', pattern: 'volumes/:volume', verb: 'show-volume', run: showVolume },
  { method: 'PUT', pattern: 'volumes/:volume', verb: 'update-volume', run: updateVolume },
  { method: 'DELETE', pattern: 'volumes/:volume', verb: 'delete-volume', run: deleteVolume },
  { method: 'POST', pattern: 'volumes/:volume/metadata', verb: 'set-metadata', run: setMetadata },
  { method: 'POST', pattern: 'volumes/:volume/action', verb: 'action', run: actOnVolume },
  { method: 'GET', pattern: 'volumes/:volume/encryption', verb: 'show-encryption', run: showEncryption },
  { method: 'GET', pattern: 'volumes/:volume/encryption/:item', verb: 'show-encryption', run: showEncryptionItem },
  { method: 'GET', pattern: 'snapshots', verb: 'list-snapshots', run: listSnapshots },
  { method: 'GET', pattern: 'snapshots/detail', verb: 'list-snapshots', run: listSnapshots },
  { method: 'POST', pattern: 'snapshots', verb: 'create-snapshot', run: createSnapshot },
  { method: 'GET', pattern: 'snapshots/:snapshot', verb: 'show-snapshot', run: showSnapshot },
  { method: 'DELETE', pattern: 'snapshots/:snapshot', verb: 'delete-snapshot', run: deleteSnapshot },
  { method: 'POST', pattern: 'snapshots/:snapshot/action', verb: 'update-snapshot', run: actOnSnapshot },
  { method: 'GET', pattern: 'attachments', verb: 'list-attachments', since: 27, run: listAttachments },
  { method: 'GET', pattern: 'attachments/detail', verb: 'list-attachments', since: 27, run: detailAttachments },
  { method: 'POST', pattern: 'attachments', verb: 'attachment-create', since: 27, run: createAttachment },
  { method: 'GET', pattern: 'attachments/:attachment', verb: 'attachment-show', since: 27, run: showAttachment },
  { method: 'PUT', pattern: 'attachments/:attachment', verb: 'attachment-update', since: 27, run: updateAttachment },
  { method: 'DELETE', pattern: 'attachments/:attachment', verb: 'attachment-delete', since: 27, run: deleteAttachment },
  {
    method: 'POST',
    pattern: 'attachments/:attachment/action',
    verb: 'attachment-complete',
    since: 44,
    run: completeAttachment,
  },
  { method: 'GET', pattern: 'types', verb: 'list-types', run: listTypes },
  { method: 'POST', pattern: 'types', verb: 'create-type', run: createType },
  { method: 'GET', pattern: 'types/:type', verb: 'show-type', run: showType },
  { method: 'DELETE', pattern: 'types/:type', verb: 'delete-type', run: deleteType },
  { method: 'GET', pattern: 'types/:type/encryption', verb: 'show-type', run: showTypeEncryption },
  { method: 'POST', pattern: 'types/:type/encryption', verb: 'create-type', run: createTypeEncryption },
  { method: 'GET', pattern: 'limits', verb: 'limits', run: limits },
  { method: 'GET', pattern: 'messages', verb: 'list-messages', since: 3, run: listMessages },
  { method: 'GET', pattern: 'os-quota-sets/:target', verb: 'show-quota', run: showQuota },
  { method: 'PUT', pattern: 'os-quota-sets/:target', verb: 'update-quota', run: updateQuota },
  { method: 'GET', pattern: 'os-availability-zone', verb: 'list-zones', run: listZones },
  { method: 'GET', pattern: 'os-services', verb: 'list-services', run: listServices },
  {
    method: 'POST',
    pattern: 'backups',
    verb: 'create-backup',
    run: () => {
      throw badRequest('Service cinder-backup could not be found.')
    },
  },
]
