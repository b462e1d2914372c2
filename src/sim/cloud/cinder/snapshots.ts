import type { CloudReply } from '../exchange.ts'
import {
  accepted,
  badRequest,
  type CinderCall,
  done,
  invalidVolume,
  requireAdmin,
  snapshotOf,
  touch,
  volumeOf,
} from './call.ts'
import { booleanIn, fieldsOf, metadataIn, textIn, uuidIn } from './checks.ts'
import { nextLink, pageOf } from './pages.ts'
import { checkQuota } from './quotas.ts'
import type { SimSnapshotRow } from './rows.ts'
import { snapshotView } from './views.ts'

export function createSnapshot(call: CinderCall): CloudReply {
  const known = ['name', 'display_name', 'description', 'volume_id', 'force', 'metadata']
  const fields = fieldsOf(call, 'snapshot', ['volume_id'], known)
  const volume = volumeOf(call, uuidIn(fields, 'volume_id', { orNull: true }))
  const allowed = booleanIn(fields, 'force') || call.minor >= 66 ? ['available', 'in-use'] : ['available']
  if (!allowed.includes(volume.status)) {
    throw invalidVolume(
      `Volume ${volume.id} status must be ${allowed.join(', ')}, but current status is: ${volume.status}.`,
    )
  }
  checkQuota(call, { snapshots: 1, gigabytes: volume.size })
  const { world, state, caller } = call
  const row: SimSnapshotRow = {
    id: world.random.uuid(),
    projectId: caller.projectId,
    userId: caller.user.id,
    volumeId: volume.id,
    size: volume.size,
    keyId: volume.keyId,
    name: textIn(fields, 'name'),
    description: textIn(fields, 'description'),
    metadata: metadataIn(fields),
    status: 'creating',
    progress: '0%',
    createdAt: world.clock.now(),
    updatedAt: undefined,
    task: { due: world.clock.monotonic() + state.settings.taskMs, do: 'create' },
  }
  state.snapshots.set(row.id, row)
  return { status: 202, json: { snapshot: snapshotView(call, row, 'fresh') } }
}

export const showSnapshot = (call: CinderCall): CloudReply => ({
  status: 200,
  json: { snapshot: snapshotView(call, snapshotOf(call), 'full') },
})

export function listSnapshots(call: CinderCall): CloudReply {
  const { state, caller, isAdmin, query } = call
  const all = isAdmin && /^(1|true)$/i.test(query.get('all_tenants') ?? '')
  const [name, status, volumeId] = ['name', 'status', 'volume_id'].map(each => query.get(each))
  const rows = [...state.snapshots.values()].filter(
    row =>
      (all || row.projectId === caller.projectId) &&
      (!name || row.name === name) &&
      (!status || row.status === status) &&
      (!volumeId || row.volumeId === volumeId),
  )
  const { page, more } = pageOf(call, rows, 'Snapshot')
  const snapshots = page.map(row => snapshotView(call, row, 'full'))
  const links = more && { snapshots_links: nextLink(call, 'snapshots/detail', page.at(-1)) }
  return { status: 200, json: { snapshots, ...links } }
}

export function deleteSnapshot(call: CinderCall): CloudReply {
  const row = snapshotOf(call)
  if (row.status !== 'available' && row.status !== 'error') {
    throw badRequest('Invalid snapshot: Snapshot status must be available or error and must not be part of a group.')
  }
  row.status = 'deleting'
  row.task = { due: call.world.clock.monotonic() + call.state.settings.taskMs, do: 'delete' }
  touch(call, row)
  return accepted
}

const TRANSITIONS: Readonly<Record<string, readonly string[]>> = {
  creating: ['creating', 'available', 'error'],
  deleting: ['deleting', 'error_deleting'],
}

/** What a driver whose snapshots are made by the host reports. */
export function actOnSnapshot(call: CinderCall): CloudReply {
  const row = snapshotOf(call)
  requireAdmin(call, 'snapshot_extension:snapshot_actions:update_snapshot_status')
  const { status, progress } = fieldsOf(call, 'os-update_snapshot_status', ['status'])
  const allowed = TRANSITIONS[row.status]
  if (!allowed) throw badRequest(`Snapshot status ${row.status} not allowed for update_snapshot_status`)
  if (typeof status !== 'string' || !allowed.includes(status)) {
    throw badRequest(`Provided snapshot status ${String(status)} not allowed for snapshot with status ${row.status}.`)
  }
  row.status = status
  if (typeof progress === 'string') row.progress = progress
  row.task = undefined
  touch(call, row)
  return done
}
