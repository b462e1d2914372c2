import { HoldfastError } from '#src/core/error.ts'
import type { OperationKind } from '#src/journal/operation.ts'
import type { FaultPlan } from '#src/sim/faults.ts'
import { EMBEDDED, type Mechanism, type Scene } from './scene.ts'

/** An operation that is explored. */
export interface Explored {
  readonly name: string
  /** Undefined: it has no journal of its own. */
  readonly kind: OperationKind | undefined
  /** Undefined: all. */
  readonly mechanisms?: readonly Mechanism[] | undefined
  /** The call that is explored, for example `instances.attach`. */
  readonly call: string
  /** What is done before the exploration begins. */
  readonly prepare?: ((scene: Scene) => Promise<unknown>) | undefined
  readonly run: (scene: Scene) => Promise<unknown>
}

const stopped = ({ rig, id }: Scene) => rig.instances.stop(id)

const deaf = async ({ rig }: Scene) => {
  rig.libvirt.manners.ignoresPower = true
}

/** What a person asks of an instance. */
export const CALLS: readonly Explored[] = [
  {
    name: 'create',
    kind: 'create',
    call: 'instances.create',
    run: ({ rig, spare }) => rig.instance('db', [], { volumes: [{ volumeId: spare, deleteOnTermination: true }] }),
  },
  {
    name: 'start',
    kind: 'start',
    call: 'instances.start',
    prepare: stopped,
    run: ({ rig, id }) => rig.instances.start(id),
  },
  { name: 'stop', kind: 'stop', call: 'instances.stop', run: ({ rig, id }) => rig.instances.stop(id) },
  {
    name: 'stop of a guest that does not answer',
    kind: 'stop',
    call: 'instances.stop',
    prepare: deaf,
    run: ({ rig, id }) => rig.instances.stop(id, { graceMs: 1000 }),
  },
  {
    name: 'soft reboot',
    kind: 'soft-reboot',
    call: 'instances.softReboot',
    run: ({ rig, id }) => rig.instances.softReboot(id),
  },
  {
    name: 'soft reboot that becomes hard',
    kind: 'soft-reboot',
    call: 'instances.softReboot',
    prepare: deaf,
    run: ({ rig, id }) => rig.instances.softReboot(id, { graceMs: 1000 }),
  },
  {
    name: 'hard reboot',
    kind: 'hard-reboot',
    call: 'instances.hardReboot',
    run: ({ rig, id }) => rig.instances.hardReboot(id),
  },
  {
    name: 'attach, live',
    kind: 'attach',
    call: 'instances.attach',
    run: ({ rig, id, spare }) => rig.instances.attach(id, spare),
  },
  {
    name: 'attach, at rest',
    kind: 'attach',
    call: 'instances.attach',
    prepare: stopped,
    run: ({ rig, id, spare }) => rig.instances.attach(id, spare),
  },
  {
    name: 'detach, live',
    kind: 'detach',
    call: 'instances.detach',
    run: ({ rig, id, volumes }) => rig.instances.detach(id, volumes[1]),
  },
  {
    name: 'detach, at rest',
    kind: 'detach',
    call: 'instances.detach',
    prepare: stopped,
    run: ({ rig, id, volumes }) => rig.instances.detach(id, volumes[1]),
  },
  { name: 'delete', kind: 'delete', call: 'instances.delete', run: ({ rig, id }) => rig.instances.delete(id) },
  {
    name: 'delete with a volume',
    kind: 'delete',
    call: 'instances.delete',
    prepare: async ({ rig, id, spare }) => {
      await rig.instances.attach(id, spare, { deleteOnTermination: true })
      await rig.instances.stop(id)
    },
    run: ({ rig, id }) => rig.instances.delete(id),
  },
]

/** What an earlier owner of a device name left: a mapping with the volume's name and UUID, over somebody else's device. */
const stale: Explored = {
  name: 'hard reboot over a stale mapping',
  kind: 'hard-reboot',
  call: 'instances.hardReboot',
  mechanisms: ['dm-crypt', 'mixed'],
  prepare: async ({ rig, id, volumes: [volumeId] }) => {
    const { world } = rig
    const mapping = world.mappings.get(`crypt-${volumeId}`)
    const domain = rig.libvirt.domains.get(id)
    if (!mapping || !domain) throw new Error('the scene is another')
    rig.libvirt.endRun(domain)
    world.addFile('/dev/sdz', { kind: 'block', sizeBytes: 2 ** 30, content: 'theirs' })
    world.mappings.set(mapping.name, { ...mapping, over: '/dev/sdz' })
  },
  run: ({ rig, id }) => rig.instances.hardReboot(id),
}

const update: Explored = {
  name: 'update',
  kind: undefined,
  call: 'instances.update',
  run: ({ rig, id }) => rig.instances.update(id, { priority: 5 }),
}

/** Effects after which an operation is interrupted, and then resumed. */
const INTERRUPTED: readonly (readonly [string, RegExp])[] = [
  ['create', /^libvirt start/],
  ['start', /^libvirt undefine/],
  ['stop', /^libvirt destroy|^libvirt power button/],
  ['soft reboot', /^libvirt reboot/],
  ['hard reboot', /^libvirt define/],
  ['attach, live', /^libvirt attach/],
  ['attach, at rest', /^libvirt attach/],
  ['detach, live', /^libvirt unplug/],
  ['detach, at rest', /^(volumes|cinder) begin-detaching/],
  ['delete', /^(volumes|cinder) (attachment-delete|detach)/],
]

const RESUMED: readonly Explored[] = INTERRUPTED.map(([name, at]) => {
  const operation = CALLS.find(each => each.name === name)
  if (!operation) throw new Error(`there is no operation '${name}'`)
  return {
    name: `resume of ${name}`,
    kind: operation.kind,
    call: 'operations.resume',
    prepare: scene => interrupt(scene, operation, at),
    run: resumeAll,
  }
})

async function interrupt(scene: Scene, operation: Explored, at: RegExp): Promise<void> {
  const { rig } = scene
  await operation.prepare?.(scene)
  rig.world.faults = ({ kind, name }) => (kind === 'effect' && at.test(name) ? { when: 'after', do: 'die' } : undefined)
  const { died } = rig.world
  operation.run(scene).then(
    () => rig.world.kill(),
    () => rig.world.kill(),
  )
  const { name } = await died
  if (!at.test(name)) throw new Error(`'${operation.name}' has no effect like ${at}`)
  await rig.restart()
}

async function resumeAll({ rig }: Scene): Promise<void> {
  for (const { id } of await rig.operations.list({ unfinished: true })) await rig.operations.resume(id)
}

const away = (name: RegExp): FaultPlan => {
  const error = new HoldfastError('unavailable', 'endpoint-unreachable', 'it was made to fail')
  return point => (name.test(point.name) ? { when: 'before', do: 'fail', error } : undefined)
}

/** Neither done nor undone: it failed, and so did its way back. */
const stuck: Explored = {
  name: 'resume of a stuck attach',
  kind: 'attach',
  call: 'operations.resume',
  prepare: async ({ rig, id, spare }) => {
    rig.world.faults = away(/^(volumes|cinder) (attachment-complete|attach )|^libvirt (unplug|detach)/)
    await rig.instances.attach(id, spare).catch(() => {})
    rig.allWell()
  },
  run: resumeAll,
}

/** After a power cut. */
const HOST: readonly Explored[] = [
  {
    name: 'host resume',
    kind: 'resume',
    call: 'host.resume',
    prepare: ({ rig }) => rig.reboot(),
    run: ({ rig }) => rig.host.resume(),
  },
  {
    name: 'host resume of two instances, one amid an attach',
    kind: 'resume',
    call: 'host.resume',
    prepare: async scene => {
      const attach = CALLS.find(({ name }) => name === 'attach, live')
      await scene.rig.instance('db', [await scene.rig.volume()])
      if (attach) await interrupt(scene, attach, /^libvirt attach/)
      await scene.rig.reboot()
    },
    run: ({ rig }) => rig.host.resume(),
  },
]

/**
 * What is explored with volumes of a cloud too: all that asks its services for something. What goes on between a guest and its
 * host alone is the same with volumes of the embedded service.
 */
const CLOUDED: ReadonlySet<string> = new Set([
  'create',
  'start',
  'hard reboot',
  'attach, live',
  'attach, at rest',
  'detach, live',
  'detach, at rest',
  'delete',
  'delete with a volume',
  'resume of attach, live',
  'resume of detach, live',
  'resume of hard reboot',
  'resume of delete',
  'resume of a stuck attach',
  'host resume',
])

export const CATALOGUE: readonly Explored[] = [...CALLS, stale, update, ...RESUMED, stuck, ...HOST].map(each =>
  each.mechanisms || CLOUDED.has(each.name) ? each : { ...each, mechanisms: EMBEDDED },
)

/** Asked for at once with each other, with volumes of a cloud: each pair takes its time. */
const AT_ONCE: ReadonlySet<string> = new Set(['hard reboot', 'attach, live', 'detach, live', 'delete'])

/** Those of these operations that are asked for at once with each. */
export const pairedOf = (mechanism: Mechanism, operations: readonly Explored[]): readonly Explored[] => {
  const calls = new Set(CALLS.map(({ name }) => name))
  const isPaired = ({ name }: Explored) => calls.has(name) && (EMBEDDED.includes(mechanism) || AT_ONCE.has(name))
  return operations.filter(isPaired)
}
