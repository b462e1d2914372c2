import type { Mischief } from './mischief.ts'
import type { Picture } from './picture.ts'
import { entangled, type Sight } from './sight.ts'
import type { Stage } from './stage.ts'
import type { InstanceName, Operation, VolumeName } from './steps.ts'

export interface Circumstances {
  readonly stage: Stage
  readonly mischief: Mischief
  readonly pictures: readonly Picture[]
  readonly sight: Sight
  /** Asked for at once, this one among them: what another leaves unfinished this one may have to end. */
  readonly together: readonly Operation[]
}

/** It has, or may have, an unfinished operation, which this one has to end first. */
const isOpen = (instance: InstanceName, { sight, together }: Circumstances): boolean =>
  together.length > 1 || sight.openInstances.has(instance)

/** Why this operation may fail now although it should succeed by the picture alone; undefined: it may not. */
export function doubtOf(operation: Operation, now: Circumstances): string | undefined {
  const { stage, mischief } = now
  const volumes = volumesOf(operation, now)
  const instance = 'instance' in operation ? operation.instance : undefined
  const open = instance !== undefined && isOpen(instance, now)
  if (operation.do === 'create-misnamed') return undefined
  if (operation.do === 'host-resume') return anyTrouble(now)
  if (operation.do === 'create' && now.sight.openInstances.has(operation.instance))
    return 'another create of that name is not ended'
  if (!isVolumeVerb(operation) && stage.away.has('libvirt')) return 'libvirt is away'
  if (!isVolumeVerb(operation) && stage.disk.full) return 'the disk is full'
  if (stage.away.has('keys') && needsKey(operation, volumes, now)) return 'the key manager is away'
  if (stage.away.has('volumes') && (open || operation.do === 'resume' || needsService(operation, volumes)))
    return 'the volume service is away'
  const tangled = entangled(now.pictures, now.sight)
  if (volumesNamed(operation).some(name => tangled.has(name))) return 'its volume is in the middle of something'
  const goWith = operation.do === 'delete' ? goingWith(operation.instance, now) : []
  if (goWith.some(name => tangled.has(name))) return 'a volume that goes with it is in the middle of something'
  if (volumes.some(name => isHarmed(operation, mischief.harmOf(name), open || goWith.length > 0)))
    return 'a volume is not what it was'
  if (operation.do === 'resume') return anyObstructed(now) || guestsKeep(stage)
  if (instance !== undefined && mischief.isObstructed(instance) && (open || needsTap(operation)))
    return 'its tap is taken'
  return operation.do === 'detach' || open ? guestsKeep(stage) : undefined
}

export const isVolumeVerb = (operation: Operation): boolean =>
  !('instance' in operation) && operation.do !== 'resume' && operation.do !== 'host-resume'

/** Whatever may be wrong with the host concerns one instance or the other. */
function anyTrouble({ stage, mischief, together }: Circumstances): string | undefined {
  if (stage.away.size > 0 || stage.disk.full || guestsKeep(stage) || !mischief.isMended()) return 'not all is well'
  return together.length > 1 ? 'something else is done at once' : undefined
}

const needsTap = ({ do: what }: Operation): boolean => ['start', 'soft-reboot', 'hard-reboot'].includes(what)

const anyObstructed = ({ mischief, sight }: Circumstances): string | undefined =>
  [...sight.openInstances].some(name => mischief.isObstructed(name)) ? 'its tap is taken' : undefined

function guestsKeep(stage: Stage): string | undefined {
  const { keepsDisks, refusesUnplug } = stage.rig.libvirt.manners
  return keepsDisks || refusesUnplug ? 'guests keep their disks' : undefined
}

export const volumesNamed = (operation: Operation): readonly VolumeName[] =>
  'volumes' in operation ? operation.volumes : 'volume' in operation ? [operation.volume] : []

const goingWith = (instance: InstanceName, { pictures }: Circumstances): readonly VolumeName[] =>
  pictures.flatMap(each => each.instances[instance]?.goWith ?? [])

/** Those that the operation has to do with, whichever picture is true. */
function volumesOf(operation: Operation, { pictures, sight, together }: Circumstances): readonly VolumeName[] {
  const instances: Iterable<InstanceName> =
    operation.do === 'resume' ? sight.openInstances : 'instance' in operation ? [operation.instance] : []
  const theirs = [...instances].flatMap(name =>
    [sight.picture, ...pictures].flatMap(picture => picture.instances[name]?.volumes ?? []),
  )
  return [...new Set([...together.flatMap(volumesNamed), ...theirs])]
}

/** A deletion that an earlier process left half done is finished before anything else, and needs the key manager. */
function needsKey(operation: Operation, volumes: readonly VolumeName[], now: Circumstances): boolean {
  const { sight, pictures } = now
  if (operation.do === 'stop' || operation.do === 'detach') return isOpen(operation.instance, now)
  if (operation.do === 'create-volume') return operation.kind === 'luks' || operation.kind === 'luks2'
  if (sight.openVolumes.size > 0) return true
  return volumes.some(name =>
    [sight.picture, ...pictures].some(picture => ['luks', 'luks2'].includes(picture.volumes[name]?.kind ?? '')),
  )
}

/** Stopping, starting and rebooting do without the volume service: what they need of it is recorded. */
const needsService = (operation: Operation, volumes: readonly VolumeName[]): boolean =>
  !['stop', 'start', 'soft-reboot', 'hard-reboot'].includes(operation.do) &&
  (isVolumeVerb(operation) || volumes.length > 0)

/** Taking down what stands goes on over storage that is away or wrong; only what is foreign must not be touched. */
function isHarmed(operation: Operation, harm: ReadonlySet<string>, deep: boolean): boolean {
  const down = ['stop', 'detach', 'delete'].includes(operation.do) && !deep
  return harm.has('obstacle') || harm.has('held') || (harm.has('storage') && !down)
}
