import { HoldfastError } from '#src/core/error.ts'

/** Paths of the Block Storage API v3, below the endpoint (which may or may not end in the project). */

/** A part of a path. What would change the path's meaning is refused: nothing, `.` and `..`. */
function part(id: string): string {
  if (id !== '' && id !== '.' && id !== '..' && id.length <= 255) return encodeURIComponent(id)
  const shown = JSON.stringify(id.length > 60 ? `${id.slice(0, 60)}…` : id)
  throw new HoldfastError('invalid-input', 'invalid-id', `${shown} cannot be the id of anything at the volume service`)
}

export const VOLUMES = 'volumes'
export const VOLUMES_DETAIL = 'volumes/detail'
export const SNAPSHOTS = 'snapshots'
export const SNAPSHOTS_DETAIL = 'snapshots/detail'
export const TYPES = 'types'
export const ATTACHMENTS = 'attachments'
export const LIMITS = 'limits'
export const MESSAGES = 'messages'

export const volumeUrl = (id: string): string => `${VOLUMES}/${part(id)}`
export const volumeActionUrl = (id: string): string => `${volumeUrl(id)}/action`
export const volumeEncryptionUrl = (id: string): string => `${volumeUrl(id)}/encryption`
export const snapshotUrl = (id: string): string => `${SNAPSHOTS}/${part(id)}`
export const snapshotActionUrl = (id: string): string => `${snapshotUrl(id)}/action`
export const attachmentUrl = (id: string): string => `${ATTACHMENTS}/${part(id)}`
export const attachmentActionUrl = (id: string): string => `${attachmentUrl(id)}/action`
export const typeUrl = (id: string): string => `${TYPES}/${part(id)}`
export const typeEncryptionUrl = (id: string): string => `${typeUrl(id)}/encryption`
