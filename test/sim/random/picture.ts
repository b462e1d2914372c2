import type { InstanceName, Operation, VolumeKind, VolumeName } from './steps.ts'

/**
 * What should be true as seen from the outside: which instances there are and what is wanted of them, which volumes
 * they have. No copy of the engine: it knows no layers, no steps and no journal. Values are never changed, only replaced.
 */
export interface Picture {
  readonly instances: Readonly<Partial<Record<InstanceName, InstancePicture>>>
  readonly volumes: Readonly<Partial<Record<VolumeName, VolumePicture>>>
}

/**
 * `crashed`: recorded as running, and it does not; `cut`: because of a boot of the host. `waiting`: off until what it needs
 * is back. `error`: recorded as in error. `any`: one of all of these, told by looking at it.
 */
export type Power = 'on' | 'off' | 'crashed' | 'cut' | 'waiting' | 'error' | 'any'

export interface InstancePicture {
  readonly power: Power
  /** In the order of their names. */
  readonly volumes: readonly VolumeName[]
  readonly boot: VolumeName | undefined
  /** Deleted with the instance. */
  readonly goWith: readonly VolumeName[]
  readonly append: string
}

export interface VolumePicture {
  readonly kind: VolumeKind
  readonly gib: number
  readonly snapshots: number
  readonly description: string
}

/** Without dm-crypt nothing opens LUKS2. */
export interface Abilities {
  readonly dmCrypt: boolean
}

/** What the picture says of an operation. */
export interface Forecast {
  /** If it says any: it must be refused, with one of these codes. */
  readonly refusals: readonly string[]
  /** It may also be refused with one of these. */
  readonly perhaps: readonly string[]
  /** After it succeeded, also against the refusals. */
  readonly after: Picture
  /** After it was interrupted, or failed for a fault, beside `after` and as it was. */
  readonly halfway: readonly Picture[]
}

export const EMPTY: Picture = { instances: {}, volumes: {} }

export const usersOf = ({ instances }: Picture, volume: VolumeName): readonly InstanceName[] =>
  namesOf(instances).filter(name => instances[name]?.volumes.includes(volume))

export const namesOf = <K extends string>(rows: Readonly<Partial<Record<K, unknown>>>): readonly K[] =>
  (Object.keys(rows) as K[]).filter(name => rows[name] !== undefined)

export function forecast(picture: Picture, operation: Operation, abilities: Abilities): Forecast {
  switch (operation.do) {
    case 'create':
      return create(picture, operation, abilities)
    case 'create-misnamed':
      return refused(picture, ['invalid-name'])
    case 'start':
    case 'soft-reboot':
    case 'hard-reboot':
      return power(picture, operation.instance, 'on')
    case 'stop':
      return power(picture, operation.instance, 'off')
    case 'delete':
      return remove(picture, operation.instance)
    case 'attach':
      return attach(picture, operation, abilities)
    case 'detach':
      return detach(picture, operation)
    case 'host-resume':
      return { refusals: [], perhaps: [], after: brought(picture), halfway: [brought(picture, 'any')] }
    case 'resume':
      return { refusals: [], perhaps: [], after: picture, halfway: [] }
    default:
      return volumeVerb(picture, operation)
  }
}

/** What runs is not touched, what is wanted stopped stays so. */
function brought(picture: Picture, cut: Power = 'on'): Picture {
  const next = { on: 'on', off: 'off', crashed: 'crashed', cut, waiting: 'any', error: 'any', any: 'any' } as const
  return namesOf(picture.instances).reduce((now, name) => {
    const row = now.instances[name]
    return row ? withInstance(now, name, { ...row, power: next[row.power] }) : now
  }, picture)
}

const refused = (picture: Picture, refusals: readonly string[]): Forecast => ({
  refusals,
  perhaps: [],
  after: picture,
  halfway: [],
})

function create(picture: Picture, asked: Operation & { do: 'create' }, abilities: Abilities): Forecast {
  const { instance, volumes, boot, goesWith, append } = asked
  const refusals = [
    ...(picture.instances[instance] ? ['name-taken'] : []),
    ...volumes.flatMap(name => volumeRefusals(picture, name, abilities)),
  ]
  const made: InstancePicture = {
    power: 'on',
    volumes: volumes.toSorted(),
    boot: boot ? volumes[0] : undefined,
    goWith: goesWith ? volumes.toSorted() : [],
    append: boot && volumes.length > 0 ? '' : append,
  }
  const after = withInstance(picture, instance, made)
  return { refusals, perhaps: [], after, halfway: [withInstance(picture, instance, { ...made, power: 'any' })] }
}

function volumeRefusals(picture: Picture, name: VolumeName, { dmCrypt }: Abilities): readonly string[] {
  const volume = picture.volumes[name]
  if (!volume) return ['volume-not-found']
  if (volume.kind === 'luks2' && !dmCrypt) return ['encryption-unsupported', 'invalid-volume']
  return volume.kind !== 'shared' && usersOf(picture, name).length > 0 ? ['invalid-volume'] : []
}

function power(picture: Picture, name: InstanceName, wanted: 'on' | 'off'): Forecast {
  const before = picture.instances[name]
  if (!before) return refused(picture, ['instance-not-found'])
  const to = (state: Power) => withInstance(picture, name, { ...before, power: state })
  return { refusals: [], perhaps: [], after: to(wanted), halfway: [to('any')] }
}

function remove(picture: Picture, name: InstanceName): Forecast {
  const before = picture.instances[name]
  if (!before) return refused(picture, ['instance-not-found'])
  const gone = withInstance(picture, name, undefined)
  const goWith = before.goWith.filter(volume => before.volumes.includes(volume))
  const without = (volumes: readonly VolumeName[]) =>
    volumes.reduce((rest, volume) => withVolume(rest, volume, undefined), gone)
  // When one that was interrupted is taken up, a volume may be needed that was not before, or the other way round.
  const later = subsets(goWith).map(without)
  return {
    refusals: [],
    perhaps: [],
    after: without(goWith.filter(volume => !isKept(picture, name, volume))),
    halfway: [withInstance(picture, name, { ...before, power: 'any' }), ...later],
  }
}

function subsets<T>(all: readonly T[]): readonly (readonly T[])[] {
  const [first, ...rest] = all
  if (first === undefined) return [[]]
  const without = subsets(rest)
  return [...without, ...without.map(each => [first, ...each])]
}

/** What is to go with an instance stays if it can't be deleted: another has it, or there are snapshots of it. */
const isKept = (picture: Picture, name: InstanceName, volume: VolumeName): boolean =>
  usersOf(picture, volume).some(other => other !== name) || (picture.volumes[volume]?.snapshots ?? 0) > 0

function attach(
  picture: Picture,
  { instance, volume }: Operation & { do: 'attach' | 'detach' },
  abilities: Abilities,
): Forecast {
  const before = picture.instances[instance]
  if (!before) return refused(picture, ['instance-not-found'])
  const unfit = ['crashed', 'cut', 'error'].includes(before.power) ? ['invalid-instance-state'] : []
  const known = before.volumes.includes(volume) ? ['already-attached'] : volumeRefusals(picture, volume, abilities)
  const volumes = [...new Set([...before.volumes, volume])].toSorted()
  const after = withInstance(picture, instance, { ...before, volumes })
  const refusals = [...unfit, ...known]
  return { refusals, perhaps: before.power === 'any' ? ['invalid-instance-state'] : [], after, halfway: [] }
}

function detach(picture: Picture, { instance, volume }: Operation & { do: 'attach' | 'detach' }): Forecast {
  const before = picture.instances[instance]
  if (!before) return refused(picture, ['instance-not-found'])
  if (!before.volumes.includes(volume)) return refused(picture, ['volume-not-attached'])
  if (before.boot === volume) return refused(picture, ['boot-volume'])
  const volumes = before.volumes.filter(name => name !== volume)
  const goWith = before.goWith.filter(name => name !== volume)
  return {
    refusals: [],
    perhaps: [],
    after: withInstance(picture, instance, { ...before, volumes, goWith }),
    halfway: [],
  }
}

type VolumeVerb = Operation & {
  do: 'create-volume' | 'delete-volume' | 'extend-volume' | 'snapshot' | 'delete-snapshot'
}

function volumeVerb(picture: Picture, operation: VolumeVerb): Forecast {
  const { volume } = operation
  const done = (row: VolumePicture | undefined): Forecast => ({
    refusals: [],
    perhaps: [],
    after: withVolume(picture, volume, row),
    halfway: [],
  })
  if (operation.do === 'create-volume') {
    const { kind, description } = operation
    return done({ kind, gib: 1, snapshots: 0, description })
  }
  const before = picture.volumes[volume]
  if (!before) return refused(picture, ['volume-not-found'])
  const used = usersOf(picture, volume).length > 0
  if (operation.do === 'delete-volume') {
    return { ...done(undefined), refusals: used || before.snapshots > 0 ? ['invalid-volume'] : [] }
  }
  if (operation.do === 'extend-volume') {
    return { ...done({ ...before, gib: before.gib + 1 }), refusals: used ? ['invalid-volume'] : [] }
  }
  const by = operation.do === 'snapshot' ? 1 : -1
  return done({ ...before, snapshots: before.snapshots + by })
}

export const withInstance = (picture: Picture, name: InstanceName, row: InstancePicture | undefined): Picture => ({
  ...picture,
  instances: without(picture.instances, name, row),
})

const withVolume = (picture: Picture, name: VolumeName, row: VolumePicture | undefined): Picture => ({
  ...picture,
  volumes: without(picture.volumes, name, row),
})

/** With the row under this name; without it if there is none. In the order of names, so that equal ones look alike. */
function without<K extends string, R>(rows: Readonly<Partial<Record<K, R>>>, name: K, row: R | undefined) {
  const kept = Object.entries(rows).filter(([other]) => other !== name)
  const all = row === undefined ? kept : [...kept, [name, row]]
  return Object.fromEntries(all.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))) as Readonly<
    Partial<Record<K, R>>
  >
}
