import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultAt } from '#src/sim/faults.ts'
import { CATALOGUE } from './catalogue.ts'
import { describe as describeWorld, fingerprint } from './fingerprint.ts'
import { MomentWatch } from './moments.ts'
import { checkLife, checkRecovered, recover, strike } from './recovery.ts'
import { openScene, processOn } from './scene.ts'

/**
 * The exploration takes the world at a moment for what a process leaves that dies then, and one of several equal worlds for
 * all. Here processes really die, each in a world of its own, at every effect of every operation.
 */
describe('a process that really dies', () => {
  for (const operation of CATALOGUE) {
    it(`at any effect of ${operation.name} leaves what the exploration takes it to leave, and its successor ends as well`, async () => {
      const cast = await openScene('dm-crypt')
      await operation.prepare?.(processOn(cast.rig.world, cast))
      const { world: begin } = cast.rig
      const scene = processOn(begin.fork(), cast)
      const ends = new Map<string, string>()
      const watch = new MomentWatch(
        scene.rig.world,
        () => false,
        () => {},
      )
      const worlds = new Map<string, ReturnType<typeof strike>>()
      const { watch: note } = scene.rig.world
      scene.rig.world.watch = (when, point) => {
        note?.(when, point)
        const key = watch.moments.at(-1)?.key ?? ''
        if (!worlds.has(key)) worlds.set(key, strike(scene.rig.world, 'kill'))
      }
      await operation.run(scene)
      for (const [key, world] of worlds) {
        await recover(processOn(world, cast), 'kill')
        ends.set(key, describeWorld(world))
      }
      for (const { number, when, key } of watch.moments) {
        if (when === 'recorded') continue
        const doomed = processOn(begin.fork(), cast)
        const { world } = doomed.rig
        world.faults = faultAt(number, { when, do: 'die' })
        operation.run(doomed).catch(() => {})
        await world.died
        await doomed.rig.restart()
        assert.equal(fingerprint(world), key, `${when} ${number}`)
        await recover(doomed, 'kill')
        assert.equal(describeWorld(world), ends.get(key), `recovered from ${when} ${number}`)
        assert.deepEqual([...checkRecovered(doomed), ...(await checkLife(doomed))], [])
      }
    })
  }
})
