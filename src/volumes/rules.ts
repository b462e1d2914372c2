import { HoldfastError } from '#src/core/error.ts'
import { formatBytes, GIB } from '#src/core/sizes.ts'
import { invalidInput, wrongSnapshotState } from './errors.ts'
import type { AbsoluteLimits, AttachmentStatus, SnapshotStatus, VolumeStatus } from './volume-service.ts'

/**
 * Which state allows which verb (Cinder `volume/api.py`, 2026.2): pure, shared by every implementation that owns the
 * states itself.
 */
export const ALLOWED = {
  delete: ['available', 'error', 'error_deleting', 'error_extending'],
  extend: ['available'],
  clone: ['available', 'in-use'],
  snapshot: ['available'],
  forcedSnapshot: ['available', 'in-use'],
  beginDetaching: ['in-use'],
  attach: ['attaching'],
  detach: ['in-use', 'detaching', 'attaching', 'reserved', 'available'],
  initializeConnection: ['attaching', 'in-use'],
  reimage: ['available', 'error'],
  reimageReserved: ['available', 'error', 'reserved'],
  deleteSnapshot: ['available', 'error', 'error_deleting'],
} as const satisfies Record<string, readonly VolumeStatus[]>

export const reservable = (multiattach: boolean): readonly VolumeStatus[] =>
  multiattach ? ['available', 'in-use'] : ['available']

/** States that follow from attachments, and so are found anew when one of them goes. */
export const ATTACH_STATES: readonly VolumeStatus[] = ['available', 'reserved', 'attaching', 'in-use', 'detaching']

/** Those that the view of a volume shows. */
export const isAttached = (status: AttachmentStatus): boolean => status === 'attached' || status === 'detaching'

/** The volume's status by what attachments there are. */
export function statusFrom(attachments: readonly AttachmentStatus[]): VolumeStatus {
  if (attachments.some(isAttached)) return 'in-use'
  if (attachments.includes('attaching')) return 'attaching'
  return attachments.length > 0 ? 'reserved' : 'available'
}

/** @throws HoldfastError `invalid-snapshot` unless a driver may report this (Cinder `os-update_snapshot_status`) */
export function checkSnapshotTransition(
  snapshot: { readonly id: string; readonly status: SnapshotStatus },
  to: SnapshotStatus,
): void {
  const before: Readonly<Record<SnapshotStatus, readonly SnapshotStatus[]>> = {
    creating: ['creating'],
    available: ['creating'],
    error: ['creating'],
    deleting: ['deleting'],
    error_deleting: ['deleting'],
  }
  const allowed = before[to]
  if (!allowed) throw invalidInput(`'${String(to).slice(0, 40)}' is not a snapshot status`)
  if (!allowed.includes(snapshot.status)) throw wrongSnapshotState(snapshot, `become '${to}'`, allowed)
}

/** GiB. The upper end is what a 4 KiB-block ext4 file can hold. */
export const MAX_SIZE = 16_384

/** @throws HoldfastError `invalid-size` */
export function checkSize(size: number, largest = MAX_SIZE): number {
  if (Number.isInteger(size) && size >= 1 && size <= largest) return size
  throw invalidSize(`the size must be a whole number of GiB from 1 to ${largest}, not ${size}`)
}

export const invalidSize = (message: string, volume?: string) =>
  new HoldfastError('invalid-input', 'invalid-size', message, { details: { volume } })

/** What a volume gets: the size asked for, or its source's; never less than the source. GiB. */
export function sizeFor(
  asked: number | undefined,
  source: { readonly what: string; readonly bytes: number } | undefined,
) {
  const least = source ? Math.ceil(source.bytes / GIB) : undefined
  if (asked === undefined && least === undefined) throw invalidSize('a size is needed, in GiB')
  const size = checkSize(asked ?? least ?? 0)
  if (source && least !== undefined && size < least) {
    throw invalidSize(`${source.what} has ${formatBytes(source.bytes)}: it does not fit into ${size} GiB`)
  }
  return size
}

/** @throws HoldfastError `invalid-size` unless the volume would grow */
export function checkGrowth(volume: { readonly id: string; readonly size: number }, size: number): void {
  checkSize(size)
  if (size > volume.size) return
  throw invalidSize(`volume ${volume.id} has ${volume.size} GiB; it can only grow, not become ${size} GiB`, volume.id)
}

/** What a request would add. */
export interface QuotaDemand {
  readonly volumes?: number
  readonly snapshots?: number
  readonly gigabytes?: number
}

/**
 * Snapshots count towards the gigabytes, as in Cinder.
 * @throws HoldfastError `over-quota` with the numbers
 */
export function checkQuota(limits: AbsoluteLimits, demand: QuotaDemand): void {
  const rows = [
    ['volumes', demand.volumes, limits.totalVolumesUsed, limits.maxTotalVolumes],
    ['snapshots', demand.snapshots, limits.totalSnapshotsUsed, limits.maxTotalSnapshots],
    ['gigabytes', demand.gigabytes, limits.totalGigabytesUsed, limits.maxTotalVolumeGigabytes],
  ] as const
  for (const [what, asked = 0, used, most] of rows) {
    if (asked === 0 || most < 0 || used + asked <= most) continue
    throw new HoldfastError(
      'quota',
      'over-quota',
      `the quota of ${what} is ${most}, of which ${used} are used: there is no room for ${asked} more`,
      { details: { hint: `delete what is not needed, or raise quotas.${what} in the configuration` } },
    )
  }
}
