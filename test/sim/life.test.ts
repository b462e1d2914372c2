import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { Rig } from './rig.ts'

describe('an instance', () => {
  it('stops when its guest does, and leaves nothing open while it is off', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2'), await rig.volume('luks')])
    const { notes } = await rig.instances.stop(id)
    assert.deepEqual(notes, [])
    assert.deepEqual(rig.traces(), [`domain ${id}`])
    assert.deepEqual((await rig.instances.show(id)).record.status, 'SHUTOFF')
  })

  it('is pulled if its guest does not power off in its time, and says so', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    rig.libvirt.manners.ignoresPower = true
    const { notes } = await rig.instances.stop(id)
    assert.match(notes.join(), /did not power off within 60 s; it was pulled/)
    assert.deepEqual(rig.traces(), [`domain ${id}`])
  })

  it('stops and starts again; what is so already is told', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    assert.equal((await rig.instances.start(id)).change, 'already')
    await rig.instances.stop(id, { graceMs: 0 })
    assert.equal((await rig.instances.stop(id)).change, 'already')
    assert.equal((await rig.instances.start(id)).change, 'made')
    assert.deepEqual(rig.badSights(), [])
  })

  it('reboots softly if the guest does', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    const run = rig.libvirt.domains.get(id)?.runtimeId
    const { notes } = await rig.instances.softReboot(id)
    assert.deepEqual(notes, [])
    assert.equal(rig.libvirt.domains.get(id)?.runtimeId, run)
  })

  it('is rebooted hard if the guest does not reboot by itself', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    const run = rig.libvirt.domains.get(id)?.runtimeId
    rig.libvirt.manners.ignoresPower = true
    const { notes } = await rig.instances.softReboot(id)
    assert.match(notes.join(), /rebooted hard/)
    assert.notEqual(rig.libvirt.domains.get(id)?.runtimeId, run)
    assert.equal((await rig.instances.show(id)).record.status, 'ACTIVE')
  })

  it('is deleted with the volumes that go with it; the others are available again', async () => {
    const rig = new Rig()
    const [keep, drop] = [await rig.volume('luks2'), await rig.volume('luks')]
    const volumes = [{ volumeId: keep }, { volumeId: drop, deleteOnTermination: true }]
    const id = await rig.instance('web', [], { volumes })
    await rig.instances.delete(id)
    assert.deepEqual(rig.traces(), [])
    assert.equal((await rig.parts.volumes.get(keep)).status, 'available')
    await assert.rejects(rig.parts.volumes.get(drop), error => hasCode(error, 'volume-not-found'))
    await assert.rejects(rig.instances.show(id), error => hasCode(error, 'instance-not-found'))
  })

  it('that cannot be created leaves nothing: no domain, no record, no reserved volume', async () => {
    const rig = new Rig()
    const volumes = [await rig.volume('luks2'), await rig.volume('luks')]
    rig.libvirt.hasEmulator = false
    await assert.rejects(rig.instance('web', volumes))
    assert.deepEqual(rig.traces(), [])
    assert.deepEqual(await rig.instances.list(), [])
    for (const id of volumes) assert.equal((await rig.parts.volumes.get(id)).status, 'available')
  })

  it('keeps its name to itself', async () => {
    const rig = new Rig()
    await rig.instance('web', [])
    await assert.rejects(rig.instance('web', []), error => hasCode(error, 'name-taken'))
    assert.equal((await rig.instances.list()).length, 1)
  })

  it('boots from the volume that it is told to, as the first disk', async () => {
    const rig = new Rig()
    const [data, boot] = [await rig.volume(), await rig.volume('luks2')]
    const volumes = [{ volumeId: data }, { volumeId: boot, boot: true }]
    const id = await rig.instance('web', [], { volumes, kernel: undefined })
    const [first] = rig.libvirt.domains.get(id)?.live?.disks ?? []
    assert.deepEqual([first?.volumeId, first?.target, first?.bootOrder], [boot, 'vda', 1])
  })

  it('shows its plan without doing anything, and what would refuse it', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume('luks2')
    const id = await rig.instance('web', [volumeId])
    rig.keysAway()
    const passed = rig.world.passed.length
    const plan = await rig.instances.plan({ kind: 'hard-reboot', id })
    assert.equal(plan.steps[0]?.action, 'preflight')
    assert.deepEqual(
      plan.problems.map(problem => problem.code),
      ['key-manager-unavailable'],
    )
    const again = await rig.instances.plan({ kind: 'attach', id, volumeId })
    assert.deepEqual(
      again.problems.map(problem => problem.code),
      ['already-attached'],
    )
    assert.deepEqual(
      rig.world.passed.slice(passed).filter(point => point.kind === 'effect'),
      [],
    )
  })
})

describe('delete', () => {
  it('keeps a volume that should go with the instance but has snapshots, says so, and takes the instance', async () => {
    const rig = new Rig()
    const [kept, gone] = [await rig.volume('luks2'), await rig.volume()]
    const volumes = [kept, gone].map(volumeId => ({ volumeId, deleteOnTermination: true }))
    const id = await rig.instance('web', [], { volumes })
    await rig.parts.volumes.createSnapshot(kept, { force: true })
    const { operation, notes } = await rig.instances.delete(id)
    assert.equal(operation.state, 'done')
    assert.match(notes.join(), new RegExp(`volume ${kept} is kept: .*snapshot`))
    assert.deepEqual(
      (await rig.parts.volumes.getAll()).map(volume => [volume.id, volume.status]),
      [[kept, 'available']],
    )
    assert.deepEqual(await rig.instances.list(), [])
    assert.deepEqual(rig.traces(), [])
  })
})

describe('what is asked for', () => {
  const bad: readonly [string, object][] = [
    ['nothing to boot from', { kernel: undefined }],
    ['no memory', { memoryMib: 0 }],
    ['half a processor', { cpus: 0.5 }],
    ['a relative kernel', { kernel: { image: 'vmlinuz' } }],
    ['a newline in the kernel command line', { kernel: { image: '/boot/vmlinuz', append: 'a\nb' } }],
    ['a bridge that is none', { networks: [{ bridge: '../br0' }] }],
    ['a MAC that is none', { networks: [{ bridge: 'br0', mac: '52:54' }] }],
  ]
  for (const [name, more] of bad) {
    it(`is refused: ${name}`, async () => {
      const rig = new Rig()
      await assert.rejects(rig.instance('web', [], more), error => hasCode(error, 'invalid-instance'))
      assert.deepEqual(await rig.instances.list(), [])
    })
  }
})
