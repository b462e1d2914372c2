import { asHoldfastError } from '#src/core/error.ts'
import { gibToBytes } from '#src/core/sizes.ts'
import { wrongSnapshotState, wrongVolumeState } from '#src/volumes/errors.ts'
import { checkCreateVolume, checkSnapshotRequest, checkVolumeType } from '#src/volumes/requests.ts'
import { ALLOWED, checkGrowth, checkQuota, sizeFor } from '#src/volumes/rules.ts'
import type {
  AbsoluteLimits,
  CreateVolume,
  CreateVolumeType,
  Snapshot,
  Volume,
  VolumeType,
} from '#src/volumes/volume-service.ts'
import type { PlannedStep, PlanView } from './api.ts'

/**
 * What `--dry-run` shows for volumes, snapshots and types: what would be done, and what the volume service would refuse
 * by what it says now. It uses the service's own rules; yet the service decides, and a plan is a forecast.
 */

/** A plan of a verb on volumes, in the form of those on instances. */
export type VolumePlan = Pick<PlanView, 'steps' | 'problems'> & { readonly kind: string }

type Problem = VolumePlan['problems'][number]

const step = (action: string, subject: string, title: string): PlannedStep => ({ action, subject, title, depth: 0 })

/** A plan with what each of the checks has to say. */
function plan(kind: string, steps: readonly PlannedStep[], checks: readonly (() => unknown)[]): VolumePlan {
  return { kind, steps, problems: checks.map(problemOf).filter(problem => problem !== undefined) }
}

function problemOf(check: () => unknown): Problem | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    const { code, message, details } = asHoldfastError(error)
    return { code, message, hint: details.hint }
  }
}

const label = ({ id, name }: { readonly id: string; readonly name: string | null }): string =>
  name === null ? id : `${name} (${id})`

const labels = (all: readonly { readonly id: string; readonly name: string | null }[]): string =>
  all.map(label).join(', ')

/** `allowed` as the state tables give it. */
function needVolume(volume: Volume, verb: string, allowed: readonly string[]): void {
  if (!allowed.includes(volume.status)) throw wrongVolumeState(volume, verb, allowed)
}

function needSnapshot(one: Snapshot, verb: string, allowed: readonly string[]): void {
  if (!allowed.includes(one.status)) throw wrongSnapshotState(one, verb, allowed)
}

export interface CreateParts {
  readonly request: CreateVolume
  readonly type?: VolumeType | undefined
  readonly snapshot?: Snapshot | undefined
  readonly source?: Volume | undefined
  readonly limits: AbsoluteLimits
  /** @throws if the image cannot be read */
  readonly checkImage: () => void
}

export function planVolumeCreate({ request, type, snapshot, source, limits, checkImage }: CreateParts): VolumePlan {
  const from = snapshot ?? source
  const size = request.size ?? from?.size ?? 0
  const subject = request.name ?? 'volume'
  const encryption = type?.encryption === undefined ? '' : `, encrypted (${type.encryption.provider})`
  const steps = [step('create', subject, `create volume ${subject} (${size} GiB${encryption})`)]
  if (snapshot !== undefined) steps.push(step('copy', subject, `copy snapshot ${label(snapshot)}`))
  if (source !== undefined) steps.push(step('copy', subject, `copy volume ${label(source)}`))
  if (request.imageFile !== undefined) steps.push(step('copy', subject, `write image ${request.imageFile}`))
  return plan('volume-create', steps, [
    () => checkCreateVolume(request),
    () => sizeFor(request.size, from && { what: label(from), bytes: gibToBytes(from.size) }),
    () => snapshot && needSnapshot(snapshot, 'copy it', ['available']),
    () => source && needVolume(source, 'copy it', ALLOWED.clone),
    () => checkQuota(limits, { volumes: 1, gigabytes: size }),
    checkImage,
  ])
}

export function planVolumeDelete(volume: Volume, snapshots: readonly Snapshot[]): VolumePlan {
  const own = snapshots.filter(({ volumeId }) => volumeId === volume.id)
  const key = volume.encrypted ? ' and its key' : ''
  const made = plan(
    'volume-delete',
    [step('delete', volume.id, `delete volume ${label(volume)} with its data${key}`)],
    [() => needVolume(volume, 'delete it', ALLOWED.delete)],
  )
  if (own.length === 0) return made
  const message = `volume ${label(volume)} has snapshots: ${labels(own)}`
  return { ...made, problems: [...made.problems, { code: 'invalid-volume', message, hint: 'delete them first' }] }
}

export const planVolumeExtend = (volume: Volume, size: number, limits: AbsoluteLimits): VolumePlan =>
  plan(
    'volume-extend',
    [step('extend', volume.id, `extend volume ${label(volume)} from ${volume.size} to ${size} GiB`)],
    [
      () => needVolume(volume, 'extend it', ALLOWED.extend),
      () => checkGrowth(volume, size),
      () => checkQuota(limits, { gigabytes: Math.max(0, size - volume.size) }),
    ],
  )

export function planSnapshotCreate(
  volume: Volume,
  request: { readonly name?: string | undefined; readonly force: boolean },
  limits: AbsoluteLimits,
): VolumePlan {
  const name = request.name === undefined ? '' : ` as ${request.name}`
  return plan(
    'snapshot-create',
    [step('snapshot', volume.id, `snapshot volume ${label(volume)}${name}`)],
    [
      () => checkSnapshotRequest(request),
      () => needVolume(volume, 'snapshot it', request.force ? ALLOWED.forcedSnapshot : ALLOWED.snapshot),
      () => checkQuota(limits, { snapshots: 1, gigabytes: volume.size }),
    ],
  )
}

export const planSnapshotDelete = (snapshot: Snapshot): VolumePlan =>
  plan(
    'snapshot-delete',
    [step('delete', snapshot.id, `delete snapshot ${label(snapshot)}`)],
    [() => needSnapshot(snapshot, 'delete it', ALLOWED.deleteSnapshot)],
  )

export function planTypeCreate(request: CreateVolumeType, types: readonly VolumeType[]): VolumePlan {
  const { name } = request
  const made = plan(
    'volume-type-create',
    [step('create', name, `create volume type ${name}`)],
    [() => checkVolumeType(request)],
  )
  if (!types.some(type => type.name === name)) return made
  const message = `there is a volume type ${name} already`
  return { ...made, problems: [...made.problems, { code: 'conflict', message }] }
}

export function planTypeDelete(type: VolumeType, volumes: readonly Volume[]): VolumePlan {
  const users = volumes.filter(({ volumeType }) => volumeType === type.name)
  const made = plan('volume-type-delete', [step('delete', type.id, `delete volume type ${type.name}`)], [])
  if (users.length === 0) return made
  return {
    ...made,
    problems: [{ code: 'conflict', message: `volume type ${type.name} is in use by ${labels(users)}` }],
  }
}
