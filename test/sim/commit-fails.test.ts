import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { violations } from './invariants.ts'
import { Rig } from './rig.ts'

const noSpace = new HoldfastError('no-space', 'no-space', 'no space left')

/** Fails the nth commit from now on, once; gives how many there were. */
function failCommit(rig: Rig, nth: number, when: 'before' | 'after'): () => number {
  let commits = 0
  rig.world.faults = ({ name }) =>
    name === 'store commit' && ++commits === nth ? { when, do: 'fail', error: noSpace } : undefined
  return () => commits
}

/** `after`: the commit was done, and its answer was an error. */
describe('a commit that fails once in the middle of an operation', () => {
  for (const when of ['before', 'after'] as const) {
    for (const dmCrypt of [true, false]) {
      it(`is made up for, ${when}, ${dmCrypt ? 'dm-crypt' : 'native LUKS'}: a create is taken back whole`, async () => {
        for (let nth = 2; ; nth++) {
          const rig = new Rig({ dmCrypt })
          const volumes = [await rig.volume('luks'), await rig.volume('luks')]
          const commits = failCommit(rig, nth, when)
          const failed = await rig.instance('web', volumes).then(
            () => false,
            error => hasCode(error, 'no-space'),
          )
          // The last one is the end of the operation: nothing comes after it.
          if (commits() <= nth) break
          const where = `${when} commit ${nth}`
          assert.equal(failed, true, where)
          const [operation] = await rig.operations.list({})
          assert.equal(operation?.state, 'rolled-back', where)
          assert.deepEqual([rig.traces(), await rig.instances.list(), violations(rig)], [[], [], []], where)
        }
      })
    }
  }
})

describe('a volume that an unfinished operation of another instance has given up', () => {
  it('is refused until that is ended, which touches nobody', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume('luks2')
    const id = await rig.instance('web', [volumeId])
    // The attachment is given up; that the instance has the volume no more can't be recorded.
    rig.world.faults = ({ name }) =>
      name.startsWith('volumes attachment-delete') ? { when: 'after', do: 'fail', error: noSpace } : undefined
    await assert.rejects(rig.instances.detach(id, volumeId), error => hasCode(error, 'no-space'))
    rig.allWell()
    assert.equal((await rig.parts.volumes.get(volumeId)).status, 'available')
    const other = await rig.instance('db', [])

    for (const attach of [() => rig.instances.attach(other, volumeId), () => rig.instance('mail', [volumeId])]) {
      await assert.rejects(attach, error => hasCode(error, 'invalid-volume') && String(error).includes(id))
    }

    const [stuck] = await rig.operations.list({ unfinished: true })
    await rig.operations.resume(stuck?.id ?? '')
    await rig.instances.attach(other, volumeId)
    assert.deepEqual(violations(rig), [])
  })
})
