import { simStoreDisk } from '#src/sim/store.ts'
import type { World } from '#src/sim/world.ts'
import type { Explored } from './catalogue.ts'
import { FaultExploration } from './faults.ts'
import { MomentWatch } from './moments.ts'
import type { PointSpec } from './points.ts'
import { checkLife, checkRecovered, type Death, recorded, recover, strike } from './recovery.ts'
import { type Mechanism, openScene, processOn, type Scene, slowDown } from './scene.ts'

/** One point again, told as it happens; gives what is violated. */
export async function replay(
  operation: Explored,
  mechanism: Mechanism,
  point: PointSpec,
  say: (line: string) => void,
): Promise<readonly string[]> {
  if ('fates' in point) return await replayDeaths(operation, mechanism, point.fates, say)
  const { kind, number, index } = point
  const { violations } = await new FaultExploration(mechanism).explore(
    operation,
    (at, which) => at.kind === kind && at.number === number && which === index,
  )
  return violations.flatMap(({ told }) => told)
}

async function replayDeaths(
  operation: Explored,
  mechanism: Mechanism,
  fates: Extract<PointSpec, { fates: unknown }>['fates'],
  say: (line: string) => void,
): Promise<readonly string[]> {
  const cast = await openScene(mechanism)
  await operation.prepare?.(processOn(cast.rig.world, cast))
  let world = cast.rig.world.fork()
  const end = world.fork()
  await operation.run(processOn(end, cast))
  const allowed = [recorded(world), recorded(end)]
  const told: string[] = []
  let run = operation.run
  for (const { number, when, death, slow } of fates) {
    say(`the process runs until ${when} effect ${number}, then: ${death}`)
    const scene = processOn(world, cast)
    slowDown(scene, slow)
    const left = await stopAt(scene, run, number, when, say)
    told.push(...left.told)
    world = strike(left.world, death)
    run = each => recover(each, death)
  }
  say('the last process recovers')
  const scene = processOn(world, cast)
  told.push(...(await recoverAloud(scene, fates.at(-1)?.death ?? 'kill', say)))
  const lost = allowed.includes(recorded(world))
    ? []
    : [`I4 recorded is neither the state before nor after: ${recorded(world)}`]
  return [...told, ...checkRecovered(scene), ...(await checkLife(scene)), ...lost]
}

async function stopAt(
  scene: Scene,
  run: (scene: Scene) => Promise<unknown>,
  number: number,
  when: string,
  say: (line: string) => void,
): Promise<{ readonly world: World; readonly told: readonly string[] }> {
  let left: { world: World; told: readonly string[] } | undefined
  let passed = false
  const watch = new MomentWatch(
    scene.rig.world,
    () => left === undefined,
    (moment, world) => {
      if (moment.when === 'after') say(`  ${moment.number} ${moment.name}`)
      const recordedNow = when === 'recorded' && passed && moment.when === 'after' && moment.name === 'store commit'
      passed ||= moment.number === number && moment.when === 'after'
      if (!recordedNow && !(moment.number === number && moment.when === when)) return
      left = {
        world: world.fork(),
        told: watch.violations.filter(each => each.moment === moment).flatMap(each => each.told),
      }
    },
  )
  await run(scene).catch((error: unknown) => say(`  ${error instanceof Error ? error.message : String(error)}`))
  watch.end()
  if (!left) throw new Error(`there is no moment '${number}:${when}'`)
  return left
}

async function recoverAloud(scene: Scene, death: Death, say: (line: string) => void): Promise<readonly string[]> {
  const { world } = scene.rig
  const before = [...simStoreDisk(world).rows.operations.values()]
  const ended = new Set(before.filter(({ finishedAt, state }) => finishedAt && state !== 'stuck').map(({ id }) => id))
  try {
    await recover(scene, death)
    return []
  } catch (error) {
    return [`I4 the recovery failed: ${error instanceof Error ? error.message : String(error)}`]
  } finally {
    for (const { kind, name } of world.passed) if (kind === 'effect') say(`  ${name}`)
    for (const [id, entries] of simStoreDisk(world).rows.entries) {
      if (ended.has(id)) continue
      for (const { step, event, action, subject } of entries) say(`  journal: ${step} ${event} ${action} ${subject}`)
    }
  }
}
