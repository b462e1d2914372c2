import { simVolumeState } from '#src/sim/volume-state.ts'
import type { World } from '#src/sim/world.ts'
import type { InstanceRecord } from '#src/store/records.ts'
import type { Picture, Power } from './picture.ts'
import { namesOf, usersOf } from './picture.ts'
import type { Stage } from './stage.ts'
import { INSTANCES, type InstanceName, VOLUMES, type VolumeKind, type VolumeName } from './steps.ts'

/** What there really is, by the world behind the ports: in the words of a picture, with what is still open. */
export interface Sight {
  readonly picture: Picture
  /** Instances of which an operation is under way, interrupted or stuck: what they are is not settled. */
  readonly openInstances: ReadonlySet<InstanceName>
  readonly openVolumes: ReadonlySet<VolumeName>
}

export function sightOf(stage: Stage): Sight {
  const { instances, mappings, operations } = stage.disk.rows
  const { volumes } = simVolumeState(stage.world)
  const nameOf = (id: string) => volumes.get(id)?.name as VolumeName
  const open = new Set(
    [...operations.values()]
      .filter(({ state }) => state === 'running' || state === 'stuck')
      .map(row => row.instanceName as InstanceName),
  )
  const found = [...instances.values()].map(record => {
    const own = [...mappings.values()].filter(row => row.instanceId === record.id)
    const row = {
      power: powerOf(stage, record),
      volumes: own.map(({ volumeId }) => nameOf(volumeId)).toSorted(),
      boot: own.filter(({ bootIndex }) => bootIndex === 0).map(({ volumeId }) => nameOf(volumeId))[0],
      goWith: own
        .filter(each => each.deleteOnTermination)
        .map(({ volumeId }) => nameOf(volumeId))
        .toSorted(),
      append: record.kernel?.append ?? '',
    }
    return [record.name, row] as const
  })
  const deleting = [...volumes.values()]
    .filter(({ status }) => status === 'deleting' || status === 'error_deleting')
    .map(({ id }) => nameOf(id))
  const inOpen = found.filter(([name]) => open.has(name as InstanceName)).flatMap(([, row]) => row.volumes)
  return {
    picture: { instances: sorted(found), volumes: sorted(volumeRows(stage.world)) },
    openInstances: open,
    openVolumes: new Set([...deleting, ...inOpen]),
  }
}

function volumeRows(world: World) {
  const { volumes, snapshots } = simVolumeState(world)
  return [...volumes.values()].map(({ id, name, size, description, encryption, multiattach }) => {
    const kind: VolumeKind = encryption ? (encryption.provider as VolumeKind) : multiattach ? 'shared' : 'plain'
    const own = [...snapshots.values()].filter(({ volumeId }) => volumeId === id)
    return [name ?? '', { kind, gib: size, snapshots: own.length, description: description ?? '' }] as const
  })
}

function powerOf(stage: Stage, { id, status, wanted }: InstanceRecord): Power {
  const runs = stage.rig.libvirt.domains.get(id)?.live !== undefined
  if (status === 'ACTIVE') return runs ? 'on' : 'crashed'
  if (status !== 'SHUTOFF' || runs) return 'error'
  return wanted === 'stopped' ? 'off' : 'waiting'
}

const sorted = <R>(rows: readonly (readonly [string, R])[]) =>
  Object.fromEntries(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Where the picture is not what is seen, in words; empty if it is. What is open is not compared. */
export function differences(picture: Picture, sight: Sight): readonly string[] {
  const entangled = new Set(sight.openVolumes)
  for (const name of sight.openInstances) {
    for (const volume of picture.instances[name]?.volumes ?? []) entangled.add(volume)
  }
  return [
    ...INSTANCES.filter(name => !sight.openInstances.has(name)).flatMap(name => instanceDiffers(picture, sight, name)),
    ...VOLUMES.filter(name => !entangled.has(name)).flatMap(name =>
      unequal(`volume ${name}`, picture.volumes[name], sight.picture.volumes[name]),
    ),
  ]
}

function instanceDiffers(picture: Picture, sight: Sight, name: InstanceName): readonly string[] {
  const wanted = picture.instances[name]
  const found = sight.picture.instances[name]
  if (wanted?.power === 'cut' && found?.power === 'crashed')
    return unequal(`instance ${name}`, wanted, { ...found, power: 'cut' })
  if (wanted?.power !== 'any' || !found) return unequal(`instance ${name}`, wanted, found)
  return unequal(`instance ${name}`, { ...wanted, power: found.power }, found)
}

function unequal(what: string, wanted: object | undefined, found: object | undefined): readonly string[] {
  const [one, other] = [JSON.stringify(wanted), JSON.stringify(found)]
  return one === other ? [] : [`${what} is ${other ?? 'not there'}, and should be ${one ?? 'gone'}`]
}

/** The picture with what was left open by it filled in from what is seen. */
export function settled(picture: Picture, sight: Sight): Picture {
  const instances = { ...picture.instances }
  for (const name of namesOf(instances)) {
    const row = instances[name]
    const power = sight.picture.instances[name]?.power
    // Whether it crashed or a boot of the host ended it can't be seen.
    const known = power !== undefined && power !== 'crashed' && !sight.openInstances.has(name)
    if (row?.power === 'any' && known) instances[name] = { ...row, power }
  }
  return { ...picture, instances }
}

/** Volumes of which it can't be told in advance what may be done with them: an unsettled instance has, or had, them. */
export const entangled = (pictures: readonly Picture[], sight: Sight): ReadonlySet<VolumeName> =>
  new Set([
    ...sight.openVolumes,
    ...VOLUMES.filter(volume =>
      pictures.some(picture => usersOf(picture, volume).some(name => sight.openInstances.has(name))),
    ),
  ])

/** The instance and volume ids under these names; ids that nothing has if there are none. */
export const instanceId = (stage: Stage, name: InstanceName): string =>
  [...stage.disk.rows.instances.values()].find(row => row.name === name)?.id ?? '00000000-0000-4000-8000-000000000000'

export const volumeId = (stage: Stage, name: VolumeName): string =>
  [...simVolumeState(stage.world).volumes.values()].find(row => row.name === name)?.id ??
  `00000000-0000-4000-8000-00000000000${1 + VOLUMES.indexOf(name)}`
