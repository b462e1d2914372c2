import { type CloudReply, isObject } from '../exchange.ts'
import { checkDeletion, driverFailure, finishDetach, missingIn, newAttachment } from './attachments.ts'
import {
  attachmentsOf,
  badRequest,
  type CinderCall,
  conflict,
  done,
  forbidden,
  invalidInput,
  invalidVolume,
  requireAdmin,
  serverFault,
  touch,
  volumeOf,
} from './call.ts'
import { booleanIn, fieldsOf, sizeIn, textIn, uuidIn, wordIn } from './checks.ts'
import { checkQuota, checkSize } from './quotas.ts'
import type { SimVolumeRow } from './rows.ts'
import { connectionOf } from './storage.ts'

type Action = (call: CinderCall, volume: SimVolumeRow) => CloudReply

/** `POST volumes/{id}/action`: the older generation of attachments, and the rest. */
export const VOLUME_ACTIONS: Readonly<Record<string, Action>> = {
  'os-reserve': reserve,
  'os-unreserve': unreserve,
  'os-begin_detaching': beginDetaching,
  'os-roll_detaching': rollDetaching,
  'os-initialize_connection': initializeConnection,
  'os-terminate_connection': terminateConnection,
  'os-attach': attach,
  'os-detach': detach,
  'os-extend': extend,
  'os-reimage': reimage,
  'os-reset_status': resetStatus,
  'os-migrate_volume_completion': completeMigration,
}

/** The action that a body asks for. */
export const actionIn = (body: unknown): string => (isObject(body) ? (Object.keys(body)[0] ?? '') : '')

export function actOnVolume(call: CinderCall): CloudReply {
  const name = actionIn(call.body)
  const action = name === 'os-reimage' && call.minor < 68 ? undefined : VOLUME_ACTIONS[name]
  if (action) return action(call, volumeOf(call))
  throw badRequest(`There is no such action: ${name}. Verify the request body and Content-Type header and try again.`)
}

function reserve(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const allowed = volume.multiattach ? ['available', 'in-use'] : ['available']
  if (!allowed.includes(volume.status)) {
    throw invalidVolume(`Volume status must be ${allowed.join(' or ')} to reserve, but the status is ${volume.status}.`)
  }
  volume.status = 'attaching'
  touch(call, volume)
  return done
}

function unreserve(call: CinderCall, volume: SimVolumeRow): CloudReply {
  if (volume.status !== 'attaching') return done
  volume.status = attachmentsOf(call.state, volume.id).length > 0 ? 'in-use' : 'available'
  touch(call, volume)
  return done
}

function beginDetaching(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const attached = attachmentsOf(call.state, volume.id).some(({ status }) => status === 'attached')
  if (volume.status !== 'in-use' || !attached) {
    throw invalidVolume(
      "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
    )
  }
  volume.status = 'detaching'
  touch(call, volume)
  return done
}

function rollDetaching(call: CinderCall, volume: SimVolumeRow): CloudReply {
  if (volume.status !== 'detaching') return done
  volume.status = 'in-use'
  touch(call, volume)
  return done
}

/** Whatever the volume's state. */
function initializeConnection(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const { connector } = fieldsOf(call, 'os-initialize_connection', ['connector'], ['connector'])
  const missing = missingIn(volume, isObject(connector) ? connector : {})
  if (missing) throw invalidInput(missing)
  if (driverFailure(volume)) throw serverFault('Unable to fetch connection information from backend.')
  return { status: 200, json: { connection_info: connectionOf(call.state, volume, 'rw') } }
}

function terminateConnection(call: CinderCall, volume: SimVolumeRow): CloudReply {
  fieldsOf(call, 'os-terminate_connection', ['connector'], ['connector'])
  checkVolumeDeletion(call, volume, undefined)
  return unreserve(call, volume)
}

/** Of which attachment it is, if none is named: of the only one; with more than one, nobody but a service may ask. */
function checkVolumeDeletion(call: CinderCall, volume: SimVolumeRow, attachmentId: string | undefined): void {
  const all = attachmentsOf(call.state, volume.id)
  if (attachmentId === undefined && all.length === 0) return
  const named = attachmentId === undefined ? undefined : call.state.attachments.get(attachmentId)
  checkDeletion(call, attachmentId === undefined && all.length === 1 ? all[0] : named)
  if (named && named.volumeId !== volume.id) throw invalidInput('Mismatched volume and attachment')
}

function attach(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const fields = fieldsOf(call, 'os-attach', ['mountpoint'], ['instance_uuid', 'mountpoint', 'host_name', 'mode'])
  const instanceId = uuidIn(fields, 'instance_uuid') ?? null
  const mode = wordIn(fields, 'mode', ['rw', 'ro']) ?? 'rw'
  if (volume.adminMetadata.readonly === undefined) volume.adminMetadata.readonly = 'False'
  const { attached_mode: other } = volume.adminMetadata
  const refused = (why: string) => badRequest(`Error attaching volume - InvalidVolume: Invalid volume: ${why}`)
  if (volume.status === 'attaching' && other !== undefined && other !== mode) {
    throw refused('being attached by different mode')
  }
  const all = attachmentsOf(call.state, volume.id)
  const standing = all.find(row => instanceId !== null && row.instanceId === instanceId)
  if (!standing) {
    if (volume.status === 'in-use' && !volume.multiattach) {
      throw refused('volume is already attached and multiple attachments are not enabled')
    }
    const row = newAttachment(call, volume, instanceId, mode)
    const mountpoint = textIn(fields, 'mountpoint')
    Object.assign(row, { status: 'attached', mountpoint, attachedAt: call.world.clock.now() })
    volume.adminMetadata.attached_mode = mode
  }
  volume.status = 'in-use'
  touch(call, volume)
  return done
}

function detach(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const given = isObject(call.body) ? (call.body['os-detach'] ?? {}) : {}
  const fields = fieldsOf({ body: { 'os-detach': given } }, 'os-detach', [], ['attachment_id'])
  const attachmentId = uuidIn(fields, 'attachment_id', { orNull: true })
  checkVolumeDeletion(call, volume, attachmentId)
  const all = attachmentsOf(call.state, volume.id)
  if (attachmentId === undefined && all.length > 1) {
    throw badRequest(
      'Error detaching volume - InvalidVolume: Invalid volume: Detach volume failed: More than one attachment, but no attachment_id provided.',
    )
  }
  finishDetach(call, volume, attachmentId ?? all[0]?.id)
  return done
}

function extend(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const size = sizeIn(fieldsOf(call, 'os-extend', ['new_size'], ['new_size']), 'new_size') ?? 0
  const expected = call.minor >= 42 && volume.status === 'in-use' ? 'in-use' : 'available'
  if (size <= volume.size) {
    throw invalidInput(
      `New size for extend must be greater than current size. (current: ${volume.size}, extended: ${size}).`,
    )
  }
  if (volume.status !== expected) {
    throw invalidVolume(
      `Volume ${volume.id} status must be '{'status': '${expected}'}' to extend, currently ${volume.status}.`,
    )
  }
  checkSize(call, size)
  checkQuota(call, { gigabytes: size - volume.size })
  volume.task = { due: dueOf(call), do: 'extend', size, before: volume.status }
  volume.status = 'extending'
  touch(call, volume)
  return done
}

const dueOf = ({ world, state }: CinderCall): number => world.clock.monotonic() + state.settings.taskMs

function reimage(call: CinderCall, volume: SimVolumeRow): CloudReply {
  const fields = fieldsOf(call, 'os-reimage', ['image_id'], ['image_id', 'reimage_reserved'])
  const imageId = uuidIn(fields, 'image_id') ?? ''
  const allowed = booleanIn(fields, 'reimage_reserved') ? ['available', 'error', 'reserved'] : ['available', 'error']
  if (attachmentsOf(call.state, volume.id).length > 1) {
    throw conflict('Cannot re-image a volume which is attached to more than one server.')
  }
  if (!allowed.includes(volume.status)) {
    throw badRequest(
      `Invalid volume: Volume ${volume.id} status must be ${allowed.join(' or ')}, but current status is ${volume.status}.`,
    )
  }
  if (!call.state.images.has(imageId)) throw badRequest(`Image ${imageId} could not be found.`)
  volume.task = { due: dueOf(call), do: 'reimage', imageId, before: volume.status }
  volume.status = 'downloading'
  touch(call, volume)
  return done
}

function resetStatus(call: CinderCall, volume: SimVolumeRow): CloudReply {
  requireAdmin(call, 'volume_extension:volume_admin_actions:reset_status')
  const { status } = fieldsOf(call, 'os-reset_status', [])
  if (typeof status === 'string') volume.status = status as SimVolumeRow['status']
  touch(call, volume)
  return done
}

/** Of volumes that no migration is under way of: the attachments are made anew at the other one. */
function completeMigration(call: CinderCall, volume: SimVolumeRow): CloudReply {
  if (!call.isAdmin) throw forbidden('volume_extension:volume_admin_actions:migrate_volume_completion')
  const fields = fieldsOf(call, 'os-migrate_volume_completion', ['new_volume'])
  const other = volumeOf(call, uuidIn(fields, 'new_volume'))
  for (const row of booleanIn(fields, 'error') ? [] : attachmentsOf(call.state, volume.id)) {
    checkDeletion(call, row)
    finishDetach(call, volume, row.id)
    const moved = newAttachment(call, other, row.instanceId, 'rw')
    const { mountpoint, host } = row
    Object.assign(moved, { status: 'attached', mountpoint, host, attachedAt: call.world.clock.now() })
    other.status = 'in-use'
    touch(call, other)
  }
  return { status: 200, json: { save_volume_id: other.id } }
}
