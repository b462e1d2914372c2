import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { faultAt } from '#src/sim/faults.ts'
import { simStoreDisk } from '#src/sim/store.ts'
import { violations } from './invariants.ts'
import { Rig } from './rig.ts'

const noSpace = new HoldfastError('no-space', 'no-space', 'no space left')

const effects = (rig: Rig) => rig.world.passed.filter(point => point.kind === 'effect').length

/** Fails the nth effect from now on. */
const failEffect = (rig: Rig, nth: number) => {
  rig.world.faults = faultAt(effects(rig) + nth, { when: 'before', do: 'fail', error: noSpace })
}

/** An attach that failed, and whose undo did too. */
async function stuckAttach(): Promise<{ rig: Rig; id: string; volumeId: string }> {
  const rig = new Rig()
  const id = await rig.instance('web', [])
  const volumeId = await rig.volume('luks2')
  rig.libvirt.manners.refusesUnplug = true
  rig.world.faults = ({ name }) =>
    name.startsWith('volumes attachment-complete') ? { when: 'before', do: 'fail', error: noSpace } : undefined
  await assert.rejects(rig.instances.attach(id, volumeId), error => hasCode(error, 'no-space'))
  rig.allWell()
  return { rig, id, volumeId }
}

describe('an operation that is resumed and fails again', () => {
  it('stays stuck, an attach: the next try ends it', async () => {
    const { rig, id, volumeId } = await stuckAttach()
    const [stuck] = await rig.operations.list({ unfinished: true })
    assert.equal(stuck?.state, 'stuck')
    await assert.rejects(rig.operations.resume(stuck.id), error => hasCode(error, 'device-detach-failed'))
    assert.deepEqual(
      (await rig.operations.list({ unfinished: true })).map(({ state }) => state),
      ['stuck'],
    )
    await assert.rejects(rig.instances.hardReboot(id), error => hasCode(error, 'device-detach-failed'))
    rig.libvirt.manners.refusesUnplug = false

    await rig.instances.hardReboot(id)

    assert.deepEqual((await rig.instances.show(id)).mappings, [])
    assert.equal((await rig.parts.volumes.get(volumeId)).status, 'available')
    assert.deepEqual(violations(rig), [])
  })

  for (const [kind, run] of [
    ['create', async (rig: Rig) => await rig.instance('db', [await rig.volume('luks2')])],
    ['delete', async (rig: Rig) => await rig.instances.delete(await rig.instance('db', [await rig.volume('luks2')]))],
  ] as const) {
    it(`stays stuck, a ${kind} of which not even the first step could be recorded`, async () => {
      const rig = new Rig()
      // The record of its beginning is written; the process dies before anything else.
      rig.world.faults = ({ name }) =>
        name === 'store commit' && begun(rig) === kind ? { when: 'after', do: 'die' } : undefined
      const { died } = rig.world
      run(rig).catch(() => {})
      await died
      await rig.restart()
      const [interrupted] = await rig.operations.list({ unfinished: true })
      assert.equal(interrupted?.kind, kind)
      failEffect(rig, 2)

      await assert.rejects(rig.operations.resume(interrupted.id), error => hasCode(error, 'no-space'))

      assert.equal((await rig.operations.show(interrupted.id)).record.state, 'stuck')
      assert.deepEqual(violations(rig), [])
      await rig.operations.resume(interrupted.id)
      assert.deepEqual(await rig.instances.list(), [])
      assert.deepEqual(rig.traces(), [])
    })
  }
})

describe('an instance that has to wait for the volume service', () => {
  it('has nothing open meanwhile, though the boot was not why it is down', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    rig.world.faults = ({ name }) =>
      name.startsWith('cryptsetup luksClose') ? { when: 'before', do: 'fail', error: noSpace } : undefined
    await assert.rejects(rig.instances.hardReboot(id))
    const away = new HoldfastError('unavailable', 'volume-service-unavailable', 'no answer')
    rig.world.faults = ({ name }) =>
      name.startsWith('volumes ') ? { when: 'before', do: 'fail', error: away } : undefined

    const { instances } = await rig.host.resume({ waitMs: 0 })

    assert.deepEqual(
      instances.map(({ outcome }) => outcome),
      ['waiting-for-volume-service'],
    )
    assert.deepEqual(rig.traces(), [])
    assert.deepEqual(violations(rig), [])
    rig.allWell()
    assert.equal((await rig.host.resume({ waitMs: 0 })).instances[0]?.outcome, 'resumed')
  })
})

/** The operation that is under way, which no step was recorded of. */
function begun(rig: Rig): string | undefined {
  const { operations, entries } = simStoreDisk(rig.world).rows
  return [...operations.values()].find(({ id, state }) => state === 'running' && !entries.has(id))?.kind
}
