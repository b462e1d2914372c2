import { asHoldfastError, type ErrorKind } from '#src/core/error.ts'
import { simVolumeState } from '#src/sim/volume-state.ts'
import { instanceId, volumeId } from './sight.ts'
import { KERNEL, type Stage } from './stage.ts'
import type { Operation, StepFault } from './steps.ts'

export type Outcome =
  /** `died`: the process was killed before it had an answer. `stalled`: nothing happens any more, and it has none. */
  | { readonly state: 'done' | 'died' | 'stalled' }
  | { readonly state: 'failed'; readonly kind: ErrorKind; readonly code: string; readonly message: string }

/** Asks for all of these at once, and waits until each has its outcome. A process that died is followed by the next. */
export async function perform(
  stage: Stage,
  operations: readonly Operation[],
  fault: StepFault | undefined,
): Promise<readonly Outcome[]> {
  stage.arm(fault)
  const outcomes: (Outcome | undefined)[] = operations.map(() => undefined)
  let dead = false
  void stage.world.died.then(() => {
    dead = true
  })
  for (const [index, operation] of operations.entries()) {
    void outcomeOf(() => ask(stage, operation)).then(outcome => {
      outcomes[index] = outcome
    })
  }
  const ended = await quiet(stage, () => dead || outcomes.every(outcome => outcome !== undefined))
  await settle()
  if (dead) await stage.restart()
  return outcomes.map(outcome => outcome ?? { state: ended ? 'died' : 'stalled' })
}

async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    await work()
    return { state: 'done' }
  } catch (cause) {
    const { kind, code, message } = asHoldfastError(cause)
    return { state: 'failed', kind, code, message }
  }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** So many turns of the event loop without anything happening are a standstill. */
const IDLE_TURNS = 200
/** So much happening within one step is going round in circles. */
const MOST_POINTS = 20_000

/** Waits until it is so. False: it never will be. */
async function quiet(stage: Stage, isSo: () => boolean): Promise<boolean> {
  const { world } = stage
  const begun = world.passed.length
  let [idle, before] = [0, '']
  while (!isSo()) {
    await turn()
    const now = `${world.passed.length} ${world.clock.monotonic()}`
    idle = now === before ? idle + 1 : 0
    before = now
    if (world.passed.length - begun > MOST_POINTS) return false
    if (idle === IDLE_TURNS) await new Promise(resolve => setTimeout(resolve, 1000))
    if (idle > 2 * IDLE_TURNS) return false
  }
  return true
}

/** Lets what nobody waits for any more come to its end. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn()
}

/** What the operation is as a call. */
export async function ask(stage: Stage, operation: Operation): Promise<unknown> {
  const { instances, operations, parts } = stage.rig
  switch (operation.do) {
    case 'create':
      return await create(stage, operation)
    case 'create-misnamed':
      return await stage.rig.instance(operation.name, [], { kernel: { image: KERNEL } })
    case 'start':
      return await instances.start(instanceId(stage, operation.instance))
    case 'stop':
      return await instances.stop(instanceId(stage, operation.instance), operation.pull ? { graceMs: 0 } : {})
    case 'soft-reboot':
      return await instances.softReboot(instanceId(stage, operation.instance))
    case 'hard-reboot':
      return await instances.hardReboot(instanceId(stage, operation.instance))
    case 'delete':
      return await instances.delete(instanceId(stage, operation.instance))
    case 'attach':
      return await instances.attach(instanceId(stage, operation.instance), volumeId(stage, operation.volume))
    case 'detach':
      return await instances.detach(instanceId(stage, operation.instance), volumeId(stage, operation.volume))
    case 'host-resume':
      return await stage.rig.host.resume({ waitMs: 0 })
    case 'resume':
      return await operations.resume((await operations.list({ unfinished: true })).at(-1)?.id ?? '')
    case 'create-volume':
      return await createVolume(stage, operation)
    case 'delete-volume':
      return await parts.volumes.delete(volumeId(stage, operation.volume))
    case 'extend-volume':
      return await extend(stage, volumeId(stage, operation.volume))
    case 'snapshot':
      return await parts.volumes.createSnapshot(volumeId(stage, operation.volume), { force: true })
    case 'delete-snapshot':
      return await deleteSnapshot(stage, volumeId(stage, operation.volume))
  }
}

async function create(stage: Stage, { instance, volumes, boot, goesWith, append }: Operation & { do: 'create' }) {
  const kernel = boot && volumes.length > 0 ? undefined : { image: KERNEL, append }
  const rows = volumes.map((name, index) => ({
    volumeId: volumeId(stage, name),
    boot: boot && index === 0,
    deleteOnTermination: goesWith,
  }))
  return await stage.rig.instance(instance, [], { volumes: rows, kernel })
}

async function createVolume(stage: Stage, { volume, kind, description }: Operation & { do: 'create-volume' }) {
  const { volumes } = stage.rig.parts
  return await volumes.create({
    size: 1,
    name: volume,
    description,
    multiattach: kind === 'shared',
    ...((kind === 'luks' || kind === 'luks2') && { volumeType: kind }),
  })
}

async function extend(stage: Stage, id: string) {
  const size = simVolumeState(stage.world).volumes.get(id)?.size ?? 1
  return await stage.rig.parts.volumes.extend(id, size + 1)
}

async function deleteSnapshot(stage: Stage, id: string) {
  const own = [...simVolumeState(stage.world).snapshots.values()].find(row => row.volumeId === id)
  return await stage.rig.parts.volumes.deleteSnapshot(own?.id ?? '')
}
