import { noFaults } from '#src/sim/faults.ts'
import type { Explored } from './catalogue.ts'
import { MomentWatch } from './moments.ts'
import { checkLife, checkRecovered } from './recovery.ts'
import { type Mechanism, openScene, processOn } from './scene.ts'

/**
 * Two operations are asked of one process at the same time, on the same instance and volumes (I7): whichever is first, they
 * never overlap, each ends, and all invariants hold at every moment.
 */
export async function exploreAtOnce(
  mechanism: Mechanism,
  one: Explored,
  other: Explored,
): Promise<{ readonly points: number; readonly told: readonly string[] }> {
  const cast = await openScene(mechanism)
  const begin = cast.rig.world.fork()
  await one.prepare?.(processOn(begin, cast))
  const scene = processOn(begin, cast)
  begin.faults = noFaults
  const seen = new Set<string>()
  const watch = new MomentWatch(
    begin,
    key => !seen.has(key),
    ({ key }) => seen.add(key),
  )
  await Promise.allSettled([one.run(scene), other.run(scene)])
  watch.end()
  const told = watch.violations.flatMap(({ moment, told }) =>
    told.map(each => `${each}, ${moment.when} ${moment.name}`),
  )
  return { points: watch.moments.length, told: [...told, ...checkRecovered(scene), ...(await checkLife(scene))] }
}
