import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, isHoldfastError } from '#src/core/error.ts'
import { Rig } from './rig.ts'

const PROVIDERS = [undefined, 'luks', 'luks2'] as const

describe('attach and detach', () => {
  for (const provider of PROVIDERS) {
    it(`live, ${provider ?? 'plain'}`, async () => {
      const rig = new Rig()
      const id = await rig.instance('web', [])
      const volumeId = await rig.volume(provider)

      await rig.instances.attach(id, volumeId)

      assert.equal((await rig.parts.volumes.get(volumeId)).status, 'in-use')
      assert.deepEqual(
        (await rig.instances.show(id)).mappings.map(row => row.target),
        ['vda'],
      )
      assert.equal(rig.libvirt.domains.get(id)?.live?.disks.length, 1)
      assert.equal(rig.libvirt.domains.get(id)?.persistent?.disks.length, 1)
      assert.deepEqual(rig.badSights(), [])

      await rig.instances.detach(id, volumeId)

      assert.equal((await rig.parts.volumes.get(volumeId)).status, 'available')
      assert.deepEqual((await rig.instances.show(id)).mappings, [])
      assert.deepEqual(
        rig.traces().filter(trace => !/^(domain|tap) /.test(trace)),
        [],
      )
    })

    it(`at rest, ${provider ?? 'plain'}: proved to open, and closed again`, async () => {
      const rig = new Rig()
      const id = await rig.instance('web', [])
      await rig.instances.stop(id)
      const volumeId = await rig.volume(provider)

      await rig.instances.attach(id, volumeId)

      assert.equal((await rig.parts.volumes.get(volumeId)).status, 'in-use')
      assert.deepEqual(rig.traces(), [`domain ${id}`])
      await rig.instances.start(id)
      assert.equal(rig.libvirt.domains.get(id)?.live?.disks.length, 1)
      assert.deepEqual(rig.badSights(), [])
      await rig.instances.stop(id)
      await rig.instances.detach(id, volumeId)
      assert.equal((await rig.parts.volumes.get(volumeId)).status, 'available')
      assert.deepEqual(rig.libvirt.domains.get(id)?.persistent?.disks, [])
    })
  }

  it('at rest, without a domain: the next start makes it with the volume', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [])
    await rig.instances.stop(id)
    const domain = rig.libvirt.domains.get(id)
    assert.ok(domain)
    rig.libvirt.undefine(domain, false)
    const volumeId = await rig.volume('luks2')

    await rig.instances.attach(id, volumeId)
    await rig.instances.start(id)

    assert.deepEqual(
      rig.libvirt.domains.get(id)?.live?.disks.map(disk => disk.volumeId),
      [volumeId],
    )
    assert.deepEqual(rig.badSights(), [])
  })

  it('refuses a second attach, and an attach to another instance, naming where the volume is', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume('luks2')
    const id = await rig.instance('web', [volumeId])
    const other = await rig.instance('db', [])
    await assert.rejects(rig.instances.attach(id, volumeId), error => hasCode(error, 'already-attached'))
    await assert.rejects(
      rig.instances.attach(other, volumeId),
      error => hasCode(error, 'invalid-volume') && String(error).includes("'in-use'") && String(error).includes(id),
    )
  })

  it('lets exactly one of two attaches at once win', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume('luks2')
    const ids = [await rig.instance('web', []), await rig.instance('db', [])]
    const outcomes = await Promise.allSettled(ids.map(id => rig.instances.attach(id, volumeId)))
    assert.deepEqual(outcomes.map(outcome => outcome.status).toSorted(), ['fulfilled', 'rejected'])
    assert.deepEqual(rig.badSights(), [])
  })

  it('takes a multiattach volume to two instances', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume(undefined, { multiattach: true })
    const ids = [await rig.instance('web', []), await rig.instance('db', [])]
    for (const id of ids) await rig.instances.attach(id, volumeId)
    assert.equal((await rig.parts.volumes.get(volumeId)).attachments.length, 2)
    await rig.instances.detach(ids[0] ?? '', volumeId)
    assert.equal((await rig.parts.volumes.get(volumeId)).status, 'in-use')
    assert.deepEqual(rig.badSights(), [])
  })

  it('keeps the volume attached if the guest does not let go', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume('luks2')
    const id = await rig.instance('web', [volumeId])
    rig.libvirt.manners.refusesUnplug = true

    await assert.rejects(
      rig.instances.detach(id, volumeId),
      error =>
        hasCode(error, 'device-detach-failed') &&
        isHoldfastError(error) &&
        /nothing is left/.test(error.details.left ?? ''),
    )

    assert.equal((await rig.parts.volumes.get(volumeId)).status, 'in-use')
    assert.equal(rig.libvirt.domains.get(id)?.persistent?.disks.length, 1)
    await rig.instances.hardReboot(id)
    assert.deepEqual(rig.badSights(), [])
  })

  it('refuses to detach what is not attached, and what is booted from', async () => {
    const rig = new Rig()
    const [boot, data] = [await rig.volume(), await rig.volume()]
    const id = await rig.instance('web', [], { volumes: [{ volumeId: boot, boot: true }], kernel: undefined })
    await assert.rejects(rig.instances.detach(id, data), error => hasCode(error, 'volume-not-attached'))
    await assert.rejects(rig.instances.detach(id, boot), error => hasCode(error, 'boot-volume'))
  })

  it('refuses hot-plug on an instance whose domain is not what the record says', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [])
    const domain = rig.libvirt.domains.get(id)
    assert.ok(domain)
    rig.libvirt.endRun(domain)
    const volumeId = await rig.volume()
    await assert.rejects(rig.instances.attach(id, volumeId), error => hasCode(error, 'invalid-instance-state'))
    assert.equal((await rig.parts.volumes.get(volumeId)).status, 'available')
  })

  it('refuses a volume of another zone where zones must match', async () => {
    const rig = new Rig()
    const parts = { ...rig.parts.settings, crossZoneAttach: false }
    Object.assign(rig.parts, { settings: parts })
    const id = await rig.instance('web', [])
    const { id: volumeId } = await rig.parts.volumes.create({ size: 1, availabilityZone: 'cellar' })
    await assert.rejects(
      rig.instances.attach(id, volumeId),
      error => hasCode(error, 'invalid-volume') && /'cellar'.*'nova'/.test(String(error)),
    )
  })
})

describe('an attach that fails', () => {
  const failures: readonly { name: string; code: string; prepare: (rig: Rig, path: string) => unknown }[] = [
    { name: 'at the key', code: 'key-manager-unavailable', prepare: rig => rig.keysAway() },
    { name: 'at the storage', code: 'storage-absent', prepare: (rig, path) => rig.world.files.delete(path) },
  ]
  for (const { name, code, prepare } of failures) {
    it(`${name} leaves nothing, and the volume available`, async () => {
      const rig = new Rig()
      const id = await rig.instance('web', [])
      const volumeId = await rig.volume('luks2')
      await prepare(rig, `/pool/volume-${volumeId}`)
      const before = rig.traces()
      await assert.rejects(rig.instances.attach(id, volumeId), error => hasCode(error, code))
      assert.deepEqual(rig.traces(), before)
      assert.deepEqual((await rig.instances.show(id)).mappings, [])
      const [operation] = await rig.operations.list({ instanceId: id })
      assert.deepEqual([operation?.kind, operation?.state], ['attach', 'rolled-back'])
      const { status } = await rig.parts.volumes.get(volumeId)
      assert.equal(status, 'available')
    })
  }
})
