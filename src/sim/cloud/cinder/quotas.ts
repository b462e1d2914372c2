import type { CloudReply } from '../exchange.ts'
import { type CloudState, quotaOf } from '../state.ts'
import { type CinderCall, overLimit, requireAdmin } from './call.ts'

interface Use {
  readonly volumes: number
  readonly gigabytes: number
  readonly snapshots: number
}

/** Snapshots count with the size of their volume. */
export function useOf({ volumes, snapshots }: CloudState, projectId: string): Use {
  const own = [...volumes.values()].filter(row => row.projectId === projectId)
  const shots = [...snapshots.values()].filter(row => row.projectId === projectId)
  const gigabytes = [...own, ...shots].reduce((sum, { size, ...row }) => {
    const task = 'task' in row ? row.task : undefined
    return sum + (task?.do === 'extend' ? task.size : size)
  }, 0)
  return { volumes: own.length, gigabytes, snapshots: shots.length }
}

const exceeds = (limit: number, wanted: number): boolean => limit >= 0 && wanted > limit

/** @throws Refusal 413 */
export function checkSize({ state, caller }: CinderCall, size: number): void {
  const { per_volume_gigabytes: limit } = quotaOf(state, caller.projectId)
  if (!exceeds(limit, size)) return
  throw overLimit(
    `VolumeSizeExceedsLimit: Requested volume size ${size}G is larger than maximum allowed limit ${limit}G.`,
  )
}

/** @throws Refusal 413 */
export function checkQuota({ state, caller }: CinderCall, add: Partial<Use>): void {
  const [quota, use] = [quotaOf(state, caller.projectId), useOf(state, caller.projectId)]
  const { gigabytes = 0, volumes = 0, snapshots = 0 } = add
  if (gigabytes > 0 && exceeds(quota.gigabytes, use.gigabytes + gigabytes)) {
    throw overLimit(
      `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${gigabytes}G, quota is ${quota.gigabytes}G and ${use.gigabytes}G has been consumed.`,
    )
  }
  if (volumes > 0 && exceeds(quota.volumes, use.volumes + volumes)) {
    throw overLimit(
      `VolumeLimitExceeded: Maximum number of volumes allowed (${quota.volumes}) exceeded for quota 'volumes'.`,
    )
  }
  if (snapshots > 0 && exceeds(quota.snapshots, use.snapshots + snapshots)) {
    throw overLimit(`SnapshotLimitExceeded: Maximum number of snapshots allowed (${quota.snapshots}) exceeded`)
  }
}

export function limits({ state, caller }: CinderCall): CloudReply {
  const [quota, use] = [quotaOf(state, caller.projectId), useOf(state, caller.projectId)]
  const absolute = {
    maxTotalVolumes: quota.volumes,
    maxTotalSnapshots: quota.snapshots,
    maxTotalVolumeGigabytes: quota.gigabytes,
    maxTotalBackups: 10,
    maxTotalBackupGigabytes: 1000,
    totalVolumesUsed: use.volumes,
    totalGigabytesUsed: use.gigabytes,
    totalSnapshotsUsed: use.snapshots,
    totalBackupsUsed: 0,
    totalBackupGigabytesUsed: 0,
  }
  return { status: 200, json: { limits: { rate: [], absolute } } }
}

export function showQuota({ state, ids, query }: CinderCall): CloudReply {
  const id = ids.target ?? ''
  const [quota, use] = [quotaOf(state, id), useOf(state, id)]
  const all = { ...quota, backups: 10, backup_gigabytes: 1000, groups: 10 }
  if (query.get('usage') !== 'true') return { status: 200, json: { quota_set: { ...all, id } } }
  const used: Readonly<Record<string, number>> = { ...use }
  const entries = Object.entries(all).map(([name, limit]) => [name, { limit, in_use: used[name] ?? 0, reserved: 0 }])
  return { status: 200, json: { quota_set: { ...Object.fromEntries(entries), id } } }
}

export function updateQuota(call: CinderCall): CloudReply {
  requireAdmin(call, 'volume_extension:quotas:update')
  const id = call.ids.target ?? ''
  const { quota_set: changes } = call.body as { quota_set: Record<string, number> }
  const quota = { ...quotaOf(call.state, id), ...changes }
  call.state.quotas.set(id, quota)
  return { status: 200, json: { quota_set: quota } }
}
