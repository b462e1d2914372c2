import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultAt } from '#src/sim/faults.ts'
import { Rig } from './rig.ts'

interface Scene {
  readonly rig: Rig
  readonly id: string
  /** In the instance. */
  readonly volumes: readonly string[]
  /** Not attached. */
  readonly spare: string
}

const OPERATIONS: Readonly<
  Record<string, { prepare?: (scene: Scene) => Promise<unknown>; run: (scene: Scene) => Promise<unknown> }>
> = {
  create: { run: ({ rig, spare }) => rig.instance('db', [spare]) },
  stop: { run: ({ rig, id }) => rig.instances.stop(id) },
  start: { prepare: ({ rig, id }) => rig.instances.stop(id), run: ({ rig, id }) => rig.instances.start(id) },
  'soft reboot': { run: ({ rig, id }) => rig.instances.softReboot(id) },
  'hard reboot': { run: ({ rig, id }) => rig.instances.hardReboot(id) },
  'attach, live': { run: ({ rig, id, spare }) => rig.instances.attach(id, spare) },
  'attach, at rest': {
    prepare: ({ rig, id }) => rig.instances.stop(id),
    run: ({ rig, id, spare }) => rig.instances.attach(id, spare),
  },
  'detach, live': { run: ({ rig, id, volumes }) => rig.instances.detach(id, volumes[1] ?? '') },
  'detach, at rest': {
    prepare: ({ rig, id }) => rig.instances.stop(id),
    run: ({ rig, id, volumes }) => rig.instances.detach(id, volumes[1] ?? ''),
  },
  delete: { run: ({ rig, id }) => rig.instances.delete(id) },
}

async function scene(dmCrypt: boolean): Promise<Scene> {
  const rig = new Rig({ dmCrypt })
  const provider = dmCrypt ? 'luks2' : 'luks'
  const volumes = [await rig.volume(provider), await rig.volume(provider)]
  const spare = await rig.volume(provider)
  return { rig, id: await rig.instance('web', volumes), volumes, spare }
}

const effects = ({ rig }: Scene) => rig.world.passed.filter(point => point.kind === 'effect').length

/**
 * The process is killed before and after every single effect of every operation. The next process ends what was begun; then no
 * guest has seen anything wrong, the instance can be rebooted and deleted, and nothing is left of it (I1 to I4).
 */
describe('a process that dies', () => {
  for (const [name, { prepare, run }] of Object.entries(OPERATIONS)) {
    for (const dmCrypt of [true, false]) {
      it(`at any effect of ${name}, ${dmCrypt ? 'dm-crypt' : 'native LUKS'}`, async () => {
        const whole = await scene(dmCrypt)
        await prepare?.(whole)
        const first = effects(whole) + 1
        await run(whole)
        const last = effects(whole)
        assert.ok(last > first)
        for (let number = first; number <= last; number++) {
          for (const when of ['before', 'after'] as const) await dieAt({ dmCrypt, prepare, run }, number, when)
        }
      })
    }
  }
})

async function dieAt(
  operation: {
    dmCrypt: boolean
    prepare: ((scene: Scene) => Promise<unknown>) | undefined
    run: (scene: Scene) => Promise<unknown>
  },
  number: number,
  when: 'before' | 'after',
): Promise<void> {
  const at = await scene(operation.dmCrypt)
  const { rig } = at
  await operation.prepare?.(at)
  rig.world.faults = faultAt(number, { when, do: 'die' })
  const { died } = rig.world
  operation.run(at).catch(() => {})
  const point = await died
  const where = `${when} ${point.name} (${number})`
  await rig.restart()

  for (const { id } of await rig.operations.list({ unfinished: true })) await rig.operations.resume(id)
  assert.deepEqual(await rig.operations.list({ unfinished: true }), [], where)
  for (const { record } of await rig.instances.list()) {
    await rig.instances.hardReboot(record.id)
    assert.equal(rig.libvirt.domains.get(record.id)?.state, 'running', where)
    await rig.instances.delete(record.id)
  }
  assert.deepEqual(rig.badSights(), [], where)
  assert.deepEqual(rig.traces(), [], where)
  for (const volume of await rig.parts.volumes.getAll()) assert.equal(volume.status, 'available', where)
}
