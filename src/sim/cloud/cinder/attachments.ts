import type { CloudReply } from '../exchange.ts'
import type { CloudState } from '../state.ts'
import {
  attachmentOf,
  attachmentsOf,
  type CinderCall,
  conflict,
  invalidVolume,
  serverFault,
  touch,
  volumeOf,
} from './call.ts'
import { connectorIn, fieldsOf, uuidIn, wordIn } from './checks.ts'
import { pageOf } from './pages.ts'
import type { SimAttachmentRow, SimVolumeRow } from './rows.ts'
import { connectionOf } from './storage.ts'
import { attachmentSummary, attachmentView } from './views.ts'

const orText = (words: readonly string[]): string => words.join(' or ')

/** `cinder/volume/api.py` `attachment_create`, `_attachment_reserve` */
export function createAttachment(call: CinderCall): CloudReply {
  const known = ['volume_uuid', 'instance_uuid', 'connector', ...(call.minor >= 54 ? ['mode'] : [])]
  const fields = fieldsOf(call, 'attachment', ['volume_uuid'], known)
  const instanceId = uuidIn(fields, 'instance_uuid') ?? null
  const mode = wordIn(fields, 'mode', ['rw', 'ro']) ?? 'null'
  const volume = volumeOf(call, uuidIn(fields, 'volume_uuid'))
  if (volume.status.includes('error')) {
    const state = `The Volume ${volume.id} currently has a status of: ${volume.status} `
    throw invalidVolume(`Volume attachments can not be created if the volume is in an error state. ${state}`)
  }
  reserve(call, volume, instanceId)
  const row = newAttachment(call, volume, instanceId, mode)
  // With a connector the mode that was asked for takes the place of the one that the connection has.
  if ((fields.connector ?? null) !== null) {
    const info = connect(call, volume, row, connectorIn(fields), 'Unable to create attachment for volume (%s).')
    Object.assign(row, { mode, connectionInfo: info })
    return { status: 200, json: { attachment: stale(row, mode) } }
  }
  return { status: 200, json: { attachment: attachmentView(row) } }
}

function reserve(call: CinderCall, volume: SimVolumeRow, instanceId: string | null): void {
  const allowed = volume.multiattach ? ['available', 'in-use', 'downloading'] : ['available', 'downloading']
  if (allowed.includes(volume.status)) {
    volume.status = 'reserved'
    touch(call, volume)
    return
  }
  const own = attachmentsOf(call.state, volume.id).some(row => instanceId !== null && row.instanceId === instanceId)
  if (own && (volume.status === 'in-use' || volume.status === 'reserved')) return
  throw invalidVolume(
    `Volume ${volume.id} status must be ${orText(allowed)} to reserve, but the current status is ${volume.status}.`,
  )
}

export function newAttachment(
  { world, state }: CinderCall,
  volume: SimVolumeRow,
  instanceId: string | null,
  mode: SimAttachmentRow['mode'],
): SimAttachmentRow {
  const row: SimAttachmentRow = {
    id: world.random.uuid(),
    volumeId: volume.id,
    projectId: volume.projectId,
    instanceId,
    status: 'reserved',
    mode,
    host: null,
    mountpoint: null,
    attachedAt: undefined,
    connectionInfo: {},
  }
  state.attachments.set(row.id, row)
  return row
}

/** `failure`: in which words the service tells of a driver that refused. Driver, manager, database, in this order. */
function connect(
  call: CinderCall,
  volume: SimVolumeRow,
  row: SimAttachmentRow,
  connector: Record<string, unknown>,
  failure: string,
): Record<string, unknown> {
  const mode = row.mode === 'null' ? (connector.mode === 'ro' ? 'ro' : 'rw') : row.mode
  const missing = missingIn(volume, connector)
  if (missing) throw serverFault(failure.replace('%s', `Invalid input received: ${missing}`))
  const refused = driverFailure(volume)
  if (refused)
    throw serverFault(failure.replace('%s', `${BACKEND} Driver initialize connection failed (error: ${refused}).`))
  const { driver_volume_type, data } = connectionOf(call.state, volume, mode)
  const { mountpoint, host } = connector
  row.status = 'attaching'
  row.mode = mode
  row.host = typeof host === 'string' ? host : null
  row.mountpoint = typeof mountpoint === 'string' ? mountpoint : 'na'
  row.attachedAt = call.world.clock.now()
  volume.status = 'attaching'
  touch(call, volume)
  return { ...data, driver_volume_type, attachment_id: row.id }
}

const BACKEND = 'Bad or unexpected response from the storage volume backend API:'

/** The iSCSI driver wants to know the initiator; that of Ceph wants nothing. */
export const missingIn = (
  { backend }: SimVolumeRow,
  connector: Readonly<Record<string, unknown>>,
): string | undefined =>
  backend === 'ceph' || typeof connector.initiator === 'string'
    ? undefined
    : "Connector doesn't have required information: initiator"

/** Asked for by the volume's metadata, as in the lab. */
export const driverFailure = ({ metadata }: SimVolumeRow): string | undefined =>
  metadata.lab_fail?.split(',').includes('attach') ? `${BACKEND} lab_fail asked for a failure in attach` : undefined

/** The answer to an update shows the attachment as it was before, with its connection info. */
const stale = (row: SimAttachmentRow, mode: SimAttachmentRow['mode']): object =>
  attachmentView({ ...row, status: 'reserved', mode, attachedAt: undefined })

export function updateAttachment(call: CinderCall): CloudReply {
  const row = attachmentOf(call)
  const connector = connectorIn(fieldsOf(call, 'attachment', ['connector'], ['connector']))
  const volume = volumeOf(call, row.volumeId)
  const before = { ...row }
  const cannot = (why: string) => serverFault(`Unable to update attachment.(Invalid volume: ${why}).`)
  if (volume.status.includes('error')) {
    const state = `The Volume ${volume.id} currently has a status of: ${volume.status} `
    throw cannot(`Volume attachments can not be updated if the volume is in an error state. ${state}`)
  }
  const all = attachmentsOf(call.state, volume.id)
  const connected = all.some(({ connectionInfo }) => Object.keys(connectionInfo).length > 0)
  if (all.length > 1 && !volume.multiattach && connected) {
    throw cannot(`duplicate connectors detected on volume ${volume.id}`)
  }
  row.connectionInfo = connect(call, volume, row, connector, 'Unable to update attachment.(%s).')
  return { status: 200, json: { attachment: attachmentView({ ...before, connectionInfo: row.connectionInfo }) } }
}

export const showAttachment = (call: CinderCall): CloudReply => ({
  status: 200,
  json: { attachment: attachmentView(attachmentOf(call)) },
})

export function listAttachments(call: CinderCall): CloudReply {
  return { status: 200, json: { attachments: listed(call).map(attachmentSummary) } }
}

export function detailAttachments(call: CinderCall): CloudReply {
  return { status: 200, json: { attachments: listed(call).map(attachmentView) } }
}

/** Without links to a next page, however many there are. */
function listed(call: CinderCall): readonly SimAttachmentRow[] {
  const { query, caller, isAdmin, state } = call
  const all = isAdmin && query.has('all_tenants')
  const [instanceId, volumeId, status] = ['instance_id', 'volume_id', 'status'].map(name => query.get(name))
  const rows = [...state.attachments.values()].filter(
    row =>
      (all || row.projectId === caller.projectId) &&
      (!instanceId || row.instanceId === instanceId) &&
      (!volumeId || row.volumeId === volumeId) &&
      (!status || row.status === status),
  )
  return pageOf(call, rows, 'Volume attachment').page
}

/** Whatever its state: also one that was never connected. */
export function completeAttachment(call: CinderCall): CloudReply {
  const row = attachmentOf(call)
  const volume = volumeOf(call, row.volumeId)
  row.status = 'attached'
  volume.status = 'in-use'
  touch(call, volume)
  return { status: 204, headers: { 'content-type': 'application/json' } }
}

export function deleteAttachment(call: CinderCall): CloudReply {
  const row = attachmentOf(call)
  checkDeletion(call, row)
  finishDetach(call, volumeOf(call, row.volumeId), row.id)
  return { status: 200, json: { attachments: attachmentsOf(call.state, row.volumeId).map(attachmentSummary) } }
}

/**
 * Launchpad 2004555: what an instance is connected by, only a service may take away. Compute is asked whether the instance
 * really has it; here it always does.
 */
export function checkDeletion({ service }: CinderCall, row: SimAttachmentRow | undefined): void {
  if (service) return
  if (row && (row.instanceId === null || Object.keys(row.connectionInfo).length === 0)) return
  throw conflict(
    `ConflictNovaUsingAttachment: Detach volume from instance ${row?.instanceId ?? ''} using the Compute API`,
  )
}

/** The volume's status is found anew from what attachments remain (`volume_detached`). */
export function finishDetach(call: CinderCall, volume: SimVolumeRow, attachmentId: string | undefined): void {
  if (attachmentId !== undefined) call.state.attachments.delete(attachmentId)
  volume.status = statusFrom(call.state, volume.id)
  delete volume.adminMetadata.attached_mode
  touch(call, volume)
}

function statusFrom(state: CloudState, volumeId: string): SimVolumeRow['status'] {
  const [first] = attachmentsOf(state, volumeId)
    .map(({ status }) => status)
    .filter(status => !status.startsWith('error_'))
    .sort()
  if (first === undefined) return 'available'
  return first === 'attached' ? 'in-use' : (first as SimVolumeRow['status'])
}
