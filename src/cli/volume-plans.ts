import { asHoldfastError } from '#src/core/error.ts'
import { checkName } from '#src/core/names.ts'
import type { PlannedStep } from '#src/engine/api.ts'
import type { AbsoluteLimits, Snapshot, Volume, VolumeStatus, VolumeType } from '#src/volumes/volume-service.ts'
import type { AnyPlan } from './views.ts'

/**
 * What `--dry-run` shows for volumes, snapshots and types: what would be done, and what the volume service would refuse
 * by what it says now. The service decides; a plan is a forecast.
 */

type Problem = AnyPlan['problems'][number]

const step = (action: string, subject: string, title: string): PlannedStep => ({ action, subject, title, depth: 0 })

const plan = (kind: string, steps: readonly PlannedStep[], problems: readonly (Problem | undefined)[]): AnyPlan => ({
  kind,
  steps,
  problems: problems.filter(problem => problem !== undefined),
})

const label = ({ id, name }: { readonly id: string; readonly name: string | null }): string =>
  name === null ? id : `${name} (${id})`

export function nameProblem(what: string, name: string | undefined): Problem | undefined {
  try {
    if (name !== undefined) checkName(what, name)
    return undefined
  } catch (error) {
    const { code, message, details } = asHoldfastError(error)
    return { code, message, hint: details.hint }
  }
}

const statusProblem = (volume: Volume, allowed: readonly VolumeStatus[]): Problem | undefined =>
  allowed.includes(volume.status)
    ? undefined
    : {
        code: 'invalid-volume',
        message: `volume ${label(volume)} is '${volume.status}', but must be ${allowed.map(one => `'${one}'`).join(' or ')}`,
      }

function quotaProblem(what: string, used: number, more: number, limit: number): Problem | undefined {
  if (limit < 0 || used + more <= limit) return undefined
  return { code: 'over-quota', message: `${what}: ${used} of ${limit} are used, ${more} more would be too many` }
}

export interface CreatePlanParts {
  readonly name?: string | undefined
  readonly size?: number | undefined
  readonly type?: VolumeType | undefined
  readonly snapshot?: Snapshot | undefined
  readonly source?: Volume | undefined
  readonly imageFile?: string | undefined
  readonly imageThere: boolean
  readonly limits: AbsoluteLimits
}

export function planVolumeCreate(parts: CreatePlanParts): AnyPlan {
  const { name, snapshot, source, imageFile, limits, type } = parts
  const from = snapshot ?? source
  const size = parts.size ?? from?.size ?? 0
  const subject = name ?? 'volume'
  const encryption = type?.encryption === undefined ? '' : `, encrypted (${type.encryption.provider})`
  const steps = [step('create', subject, `create volume ${subject} (${size} GiB${encryption})`)]
  if (snapshot !== undefined) steps.push(step('copy', subject, `copy snapshot ${label(snapshot)}`))
  if (source !== undefined) steps.push(step('copy', subject, `copy volume ${label(source)}`))
  if (imageFile !== undefined) steps.push(step('copy', subject, `write image ${imageFile}`))
  return plan('volume-create', steps, [
    nameProblem('volume', name),
    sizeProblem(parts.size, from),
    snapshot === undefined || snapshot.status === 'available'
      ? undefined
      : {
          code: 'invalid-snapshot',
          message: `snapshot ${label(snapshot)} is '${snapshot.status}', but must be 'available'`,
        },
    source === undefined ? undefined : statusProblem(source, ['available', 'in-use']),
    imageFile === undefined || parts.imageThere
      ? undefined
      : { code: 'invalid-image', message: `there is no image file ${imageFile}` },
    quotaProblem('volumes', limits.totalVolumesUsed, 1, limits.maxTotalVolumes),
    quotaProblem('gigabytes', limits.totalGigabytesUsed, size, limits.maxTotalVolumeGigabytes),
  ])
}

function sizeProblem(size: number | undefined, from: Volume | Snapshot | undefined): Problem | undefined {
  if (size === undefined && from === undefined) return { code: 'invalid-input', message: 'the size is missing' }
  if (size === undefined || from === undefined || size >= from.size) return undefined
  return { code: 'invalid-input', message: `the size must be at least ${from.size} GiB, that of ${label(from)}` }
}

export const planVolumeDelete = (volume: Volume, snapshots: readonly Snapshot[]): AnyPlan => {
  const own = snapshots.filter(({ volumeId }) => volumeId === volume.id)
  return plan(
    'volume-delete',
    [
      step(
        'delete',
        volume.id,
        `delete volume ${label(volume)} with its data${volume.encrypted ? ' and its key' : ''}`,
      ),
    ],
    [
      statusProblem(volume, ['available', 'error', 'error_deleting']),
      own.length === 0
        ? undefined
        : { code: 'invalid-volume', message: `volume ${label(volume)} has snapshots: ${own.map(label).join(', ')}` },
    ],
  )
}

export const planVolumeExtend = (volume: Volume, size: number, limits: AbsoluteLimits): AnyPlan =>
  plan(
    'volume-extend',
    [step('extend', volume.id, `extend volume ${label(volume)} from ${volume.size} to ${size} GiB`)],
    [
      statusProblem(volume, ['available']),
      size > volume.size
        ? undefined
        : { code: 'invalid-input', message: `the new size must be greater than the ${volume.size} GiB it has` },
      quotaProblem(
        'gigabytes',
        limits.totalGigabytesUsed,
        Math.max(0, size - volume.size),
        limits.maxTotalVolumeGigabytes,
      ),
    ],
  )

export const planSnapshotCreate = (
  volume: Volume,
  request: { readonly name?: string | undefined; readonly force: boolean },
  limits: AbsoluteLimits,
): AnyPlan =>
  plan(
    'snapshot-create',
    [
      step(
        'snapshot',
        volume.id,
        `snapshot volume ${label(volume)}${request.name === undefined ? '' : ` as ${request.name}`}`,
      ),
    ],
    [
      nameProblem('snapshot', request.name),
      statusProblem(volume, request.force ? ['available', 'in-use'] : ['available']),
      quotaProblem('snapshots', limits.totalSnapshotsUsed, 1, limits.maxTotalSnapshots),
    ],
  )

export const planSnapshotDelete = (snapshot: Snapshot): AnyPlan =>
  plan(
    'snapshot-delete',
    [step('delete', snapshot.id, `delete snapshot ${label(snapshot)}`)],
    [
      ['available', 'error', 'error_deleting'].includes(snapshot.status)
        ? undefined
        : {
            code: 'invalid-snapshot',
            message: `snapshot ${label(snapshot)} is '${snapshot.status}', but must be 'available' or 'error'`,
          },
    ],
  )

export const planTypeCreate = (name: string, types: readonly VolumeType[]): AnyPlan =>
  plan(
    'volume-type-create',
    [step('create', name, `create volume type ${name}`)],
    [
      nameProblem('volume type', name),
      types.some(type => type.name === name)
        ? { code: 'conflict', message: `there is a volume type ${name} already` }
        : undefined,
    ],
  )

export const planTypeDelete = (type: VolumeType, volumes: readonly Volume[]): AnyPlan => {
  const users = volumes.filter(({ volumeType }) => volumeType === type.name)
  return plan(
    'volume-type-delete',
    [step('delete', type.id, `delete volume type ${type.name}`)],
    [
      users.length === 0
        ? undefined
        : { code: 'conflict', message: `volume type ${type.name} is in use by ${users.map(label).join(', ')}` },
    ],
  )
}
