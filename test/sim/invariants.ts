import { type JournalEntry, mayFollow, type OperationRecord } from '#src/journal/operation.ts'
import { simLibvirt } from '#src/sim/hypervisor.ts'
import type { SimConfiguration, SimDomain } from '#src/sim/hypervisor-state.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import { type SimAttachment, type SimVolume, simVolumeState } from '#src/sim/volume-state.ts'
import type { World } from '#src/sim/world.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import { changedImages, cloudAttachments, cloudOf, isRecordedBy, isReservedFor, volumeOfSecret } from './cloud/rows.ts'
import { secretsIn } from './secrets.ts'

/**
 * Everything in a simulated world that is not as the invariants have it (`I1` to `I9`), one line each, beginning with the
 * invariant's number; empty if all is well. It may be asked at any moment, also in the middle of an operation: what is recorded
 * as under way excuses what stands on the host for it. Looks at the world behind the ports, so that it passes no fault point.
 */
export function violations({ world }: { readonly world: World }): readonly string[] {
  const scene = sceneOf(world)
  return [
    ...badSights(world),
    ...badDisks(scene),
    ...givenUp(scene),
    ...leftovers(scene),
    ...leftAttachments(scene),
    ...misfits(scene),
    ...changedVolumes(scene),
    ...changedImages(world),
    ...secretsIn(world),
    ...overlaps(scene),
    ...badErrors(scene),
    ...illegalJournals(scene),
  ]
}

/** Operations that nobody has ended, in words. */
export const unfinished = ({ world }: { readonly world: World }): readonly string[] =>
  [...simStoreDisk(world).rows.operations.values()]
    .filter(isOpen)
    .map(({ kind, id, state }) => `${kind} ${id} is '${state}'`)

interface Scene {
  readonly world: World
  readonly instances: ReadonlyMap<string, InstanceRecord>
  readonly mappings: readonly BlockDeviceMapping[]
  readonly operations: readonly OperationRecord[]
  readonly entries: ReadonlyMap<string, readonly JournalEntry[]>
  readonly domains: ReadonlyMap<string, SimDomain>
  /** Of the embedded volume service. */
  readonly volumes: ReadonlyMap<string, SimVolume>
  /** Of that and of the cloud. */
  readonly attachments: readonly Pick<SimAttachment, 'id' | 'volumeId' | 'instanceId'>[]
  /** Instances with an operation that is under way, interrupted or stuck: what stands of them is that one's to settle. */
  readonly busy: ReadonlySet<string>
}

function sceneOf(world: World): Scene {
  const { instances, mappings, operations, entries } = simStoreDisk(world).rows
  const { volumes, attachments } = simVolumeState(world)
  const all = [...operations.values()]
  return {
    world,
    instances,
    mappings: [...mappings.values()],
    operations: all,
    entries,
    domains: simLibvirt(world).domains,
    volumes,
    attachments: [...attachments.values(), ...cloudAttachments(world)],
    busy: new Set(all.filter(isOpen).map(({ instanceId }) => instanceId)),
  }
}

const isOpen = ({ state }: OperationRecord): boolean => state === 'running' || state === 'stuck'

/** I1, I2: what guests got to see when they were started or given a disk. */
const badSights = (world: World): readonly string[] =>
  simLibvirt(world)
    .sights.filter(({ volumeId, seen }) => seen === undefined || seen.ciphertext || seen.content !== volumeId)
    .map(({ instanceId, volumeId, seen }) => `${rule(seen)} instance ${instanceId} saw ${told(seen)} as ${volumeId}`)

type Seen = ReturnType<World['see']>

const rule = (seen: Seen): string => (seen?.ciphertext ? 'I1' : 'I2')

const told = (seen: Seen): string =>
  seen === undefined ? 'nothing' : `${seen.ciphertext ? 'the ciphertext' : 'the data'} of ${seen.content}`

/** I1, I2: what a guest that runs would read now. */
function badDisks({ world, domains }: Scene): readonly string[] {
  return [...domains.values()].flatMap(({ id, live }) =>
    (live?.disks ?? []).flatMap(({ volumeId, target, path, secretUuid }) => {
      const seen = world.see(path, secretUuid)
      // QEMU got its secret when it opened the disk; what becomes of libvirt's is nothing to it.
      const open = seen && (!seen.ciphertext || secretUuid !== undefined)
      if (open && seen.content === volumeId) return []
      return [`${rule(seen)} ${target} of instance ${id} is ${told(seen)}, not volume ${volumeId}`]
    }),
  )
}

/** I2: a guest's volume is attached to it at the volume service; if not, another may be given the same volume. */
function givenUp({ world, domains, mappings, attachments }: Scene): readonly string[] {
  return [...domains.values()].flatMap(({ id, live }) =>
    (live?.disks ?? [])
      .filter(({ volumeId }) => !attachments.some(row => row.volumeId === volumeId && row.instanceId === id))
      .filter(({ volumeId }) => !isReservedFor(world, mappings, volumeId))
      .map(
        ({ volumeId }) => `I2 the guest of instance ${id} has volume ${volumeId}, which is not attached to it any more`,
      ),
  )
}

/** I4: what stands on the host although no instance that is up, and no unfinished operation, has any use for it. */
function leftovers(scene: Scene): readonly string[] {
  const { world, instances, mappings, domains } = scene
  const volumesUp = new Set(mappings.filter(row => mayStand(scene, row.instanceId)).map(row => row.volumeId))
  const tapsUp = new Set(
    [...instances.values()]
      .filter(({ id }) => mayStand(scene, id))
      .flatMap(({ interfaces }) => interfaces.map(nic => nic.tap)),
  )
  const volumeAt = (path: string) =>
    mappings.find(({ connectionInfo: info }) => info?.driver_volume_type === 'local' && info.data.device_path === path)
      ?.volumeId ?? ''
  return [
    ...[...world.mappings.keys()]
      .filter(name => !volumesUp.has(name.replace('crypt-', '')))
      .map(name => `mapping ${name}`),
    ...[...world.loops.values()]
      .filter(loop => !volumesUp.has(volumeAt(loop.backingPath)))
      .map(loop => `loop device ${loop.path} over ${loop.backingPath}`),
    ...[...world.secrets.values()]
      .filter(secret => !secret.kept && !volumesUp.has(volumeOfSecret(secret)))
      .map(({ uuid }) => `secret ${uuid}`),
    ...[...world.interfaces.values()]
      .filter(({ kind, name }) => kind === 'tap' && !tapsUp.has(name))
      .map(nic => `tap ${nic.name}`),
    ...[...domains.keys()].filter(id => !instances.has(id)).map(id => `domain ${id}`),
  ].map(what => `I4 ${what} is left over`)
}

/** An instance of which layers 2 to 4 may stand: one that is up, or in a state that a reboot or delete settles. */
function mayStand({ instances, busy }: Scene, instanceId: string): boolean {
  const status = instances.get(instanceId)?.status
  return status !== undefined && (status !== 'SHUTOFF' || busy.has(instanceId))
}

/** I4: the volume service has exactly the attachments that are recorded. */
function leftAttachments(scene: Scene): readonly string[] {
  const left = scene.attachments
    .filter(each => !scene.mappings.some(row => isRecordedBy(row, each)) && !scene.busy.has(each.instanceId ?? ''))
    .map(({ id, volumeId }) => `I4 attachment ${id} of volume ${volumeId} is left over`)
  // What the cloud is about to do with a volume it does later.
  const cloud = [...(cloudOf(scene.world)?.volumes.values() ?? [])].filter(({ task }) => !task)
  return [...left, ...[...scene.volumes.values(), ...cloud].flatMap(volume => wrongStatus(scene, volume))]
}

function wrongStatus({ mappings, busy }: Scene, { id, status }: Pick<SimVolume, 'id' | 'status'>): readonly string[] {
  const users = mappings.filter(row => row.volumeId === id)
  if (users.some(row => busy.has(row.instanceId))) return []
  const wanted = users.length > 0 ? 'in-use' : 'available'
  return status === wanted ? [] : [`I4 volume ${id} is '${status}', not '${wanted}'`]
}

/** I4: a domain has the disks that are recorded, no others; a guest that runs as ACTIVE has all of them. */
function misfits(scene: Scene): readonly string[] {
  return [...scene.instances.values()].flatMap(({ id, status }) => {
    const domain = scene.domains.get(id)
    if (!domain || scene.busy.has(id) || status === 'ERROR') return []
    const wanted = scene.mappings.filter(row => row.instanceId === id).map(row => row.volumeId)
    const parts = [
      ['the guest', domain.live],
      ['the configuration', domain.persistent],
    ] as const
    return parts.flatMap(([where, found]) => (found ? misfit(`${where} of instance ${id}`, found, wanted) : []))
  })
}

function misfit(where: string, { disks }: SimConfiguration, wanted: readonly string[]): readonly string[] {
  const found = disks.map(disk => disk.volumeId)
  return [
    ...found
      .filter(volumeId => !wanted.includes(volumeId))
      .map(id => `I4 ${where} has volume ${id}, which is not recorded`),
    ...wanted.filter(volumeId => !found.includes(volumeId)).map(id => `I4 ${where} lacks volume ${id}`),
  ]
}

/** I5: every volume's file is still the one that was made, with its content and its header. */
function changedVolumes({ world, volumes }: Scene): readonly string[] {
  const files = new Map([...world.files.values()].map(file => [file.inode, file]))
  return [...volumes.values()].flatMap(({ id, inode, encryption, status }) => {
    const file = files.get(inode)
    if (!file) return status.endsWith('deleting') ? [] : [`I5 the file of volume ${id} is gone`]
    const header = encryption ? id : undefined
    return [
      ...(file.content === id ? [] : [`I5 volume ${id} holds ${file.content}`]),
      ...(file.luks?.uuid === header && !file.luks?.damaged
        ? []
        : [`I5 volume ${id} has the header ${file.luks?.uuid}`]),
    ]
  })
}

/** I7: never two operations under way on one instance, or on one volume. */
function overlaps({ operations }: Scene): readonly string[] {
  const running = operations.filter(({ state }) => state === 'running')
  return running.flatMap((one, index) =>
    running
      .slice(index + 1)
      .filter(other => other.instanceId === one.instanceId || (one.volumeId && other.volumeId === one.volumeId))
      .map(
        other =>
          `I7 ${one.kind} ${one.id} and ${other.kind} ${other.id} are under way at once on instance ${one.instanceId}`,
      ),
  )
}

/** I8, I9: every operation that failed tells why, with what to do next, and its error is the first that happened. */
function badErrors({ operations, entries }: Scene): readonly string[] {
  return operations.flatMap(({ id, kind, state, error }) => {
    const codes = (event: JournalEntry['event']) =>
      (entries.get(id) ?? []).filter(entry => entry.event === event).map(entry => entry.error?.code)
    const [first, undos] = [codes('failed'), codes('undo-failed')]
    if (!error) return state === 'stuck' ? [`I8 ${kind} ${id} is stuck without an error`] : []
    const what = `${kind} ${id} '${error.code}: ${error.message}'`
    return [
      ...(error.code && error.message ? [] : [`I8 ${what} says nothing`]),
      ...(error.left || error.hint ? [] : [`I8 ${what} tells neither what is left nor what to do`]),
      ...(first.length > 0 && !first.includes(error.code) && undos.includes(error.code)
        ? [`I9 ${what} is that of an undo; it hides ${first.join(', ')}`]
        : []),
    ]
  })
}

/** Every step's events in a legal order. */
function illegalJournals({ entries }: Scene): readonly string[] {
  return [...entries].flatMap(([id, all]) => {
    const last = new Map<number, JournalEntry['event']>()
    return all.flatMap(({ step, event, action }) => {
      const before = last.get(step)
      last.set(step, event)
      return mayFollow(before, event)
        ? []
        : [`I4 journal of ${id}: '${event}' after '${before}' at step ${step} (${action})`]
    })
  })
}
