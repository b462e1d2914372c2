import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { cephSecretUuid } from '#src/sim/ceph.ts'
import { violations } from '../invariants.ts'
import { type CloudRig, openCloudRig } from './rig.ts'

const statusOf = async ({ services }: CloudRig, id: string) => (await services.volumes.get(id)).status

/** Fails for as long as `isStruck` says so. */
function failing(
  rig: CloudRig,
  code: string,
  isStruck: (name: string) => boolean,
  when: 'before' | 'after' = 'before',
) {
  const error = new HoldfastError('unavailable', code, 'it was made to')
  rig.world.faults = ({ name }) => (isStruck(name) ? { when, do: 'fail', error } : undefined)
}

for (const [generation, volumeApi] of [
  ['attachments', '3.70'],
  ['legacy', '3.27'],
  ['legacy', '3.26'],
] as const) {
  describe(`instances with images of Ceph, from a Cinder of ${volumeApi}`, () => {
    it('live, are rebuilt after a power cut, and leave nothing', async () => {
      const rig = openCloudRig({ volumeApi })
      const [secret, plain, spare] = [await rig.volume('luks'), await rig.volume(), await rig.volume('luks')]
      const id = await rig.instance('web', [secret, plain])
      const { mappings } = await rig.instances.show(id)
      assert.deepEqual([...new Set(mappings.map(row => row.generation))], [generation])
      assert.deepEqual([...rig.world.secrets.keys()].sort(), [secret, ...[secret, plain].map(cephSecretUuid)].sort())
      await rig.instances.attach(id, spare)
      assert.deepEqual([await statusOf(rig, secret), await statusOf(rig, spare)], ['in-use', 'in-use'])
      await rig.instances.hardReboot(id)
      assert.deepEqual(violations(rig), [])
      await rig.reboot()
      assert.equal(rig.world.secrets.size, 0)
      await rig.host.resume()
      assert.ok(rig.world.secrets.has(secret))
      assert.deepEqual(violations(rig), [])
      await rig.instances.detach(id, spare)
      await rig.instances.delete(id)
      for (const each of [secret, plain, spare]) assert.equal(await statusOf(rig, each), 'available')
      assert.deepEqual([rig.traces(), rig.badSights(), violations(rig)], [[], [], []])
    })

    it('are as before when an attach fails for want of the key, and give the volume up', async () => {
      const rig = openCloudRig({ volumeApi })
      const id = await rig.instance('web', [])
      const spare = await rig.volume('luks')
      failing(rig, 'endpoint-unreachable', name => name.startsWith('barbican'))
      await assert.rejects(rig.instances.attach(id, spare))
      rig.allWell()
      assert.equal(await statusOf(rig, spare), 'available')
      assert.deepEqual(violations(rig), [])
    })

    it('attach and detach although every reply to a change gets lost, once', async () => {
      const rig = openCloudRig({ volumeApi })
      const id = await rig.instance('web', [])
      const spare = await rig.volume('luks')
      const lost = new Set<string>()
      failing(
        rig,
        'http-504',
        name => /^cinder (attach|detach|begin|init|term)/.test(name) && isFirst(lost, name),
        'after',
      )
      await rig.instances.attach(id, spare)
      assert.equal(await statusOf(rig, spare), 'in-use')
      await rig.instances.detach(id, spare)
      assert.equal(await statusOf(rig, spare), 'available')
      assert.ok(lost.size >= (generation === 'legacy' ? 4 : 5), [...lost].join(', '))
      rig.allWell()
      assert.deepEqual([violations(rig), rig.world.secrets.size], [[], 0])
    })
  })
}

function isFirst(seen: Set<string>, name: string): boolean {
  const verb = name.split(' ')[1] ?? ''
  if (seen.has(verb)) return false
  seen.add(verb)
  return true
}

it('a reservation of the older verbs whose reply got lost is told as unknown, and undone', async () => {
  const rig = openCloudRig({ volumeApi: '3.27' })
  const id = await rig.instance('web', [])
  const spare = await rig.volume('luks')
  failing(rig, 'http-504', name => name.startsWith('cinder reserve'), 'after')
  await assert.rejects(rig.instances.attach(id, spare), { code: 'outcome-unknown' })
  rig.allWell()
  assert.equal(await statusOf(rig, spare), 'available')
  assert.deepEqual(violations(rig), [])
})

it('a Cinder of version 2 is refused in words', async () => {
  const rig = openCloudRig({ volumeApi: undefined })
  await assert.rejects(rig.volume(), { code: 'service-version-unsupported' })
})

it('a deletion that takes the volume with it has it gone, with its key', async () => {
  const rig = openCloudRig()
  const volumeId = await rig.volume('luks')
  const id = await rig.instance('web', [], { volumes: [{ volumeId, deleteOnTermination: true }] })
  await rig.instances.delete(id)
  assert.equal(await rig.services.volumes.settled(volumeId), undefined)
  assert.deepEqual(await rig.services.keys.list(), [])
  assert.equal(rig.world.files.has(`rbd:volumes/volume-${volumeId}`), false)
})

it('a deletion that is taken up again leaves a volume that is about to go to the cloud', async () => {
  const rig = openCloudRig()
  const volumeId = await rig.volume('luks')
  const id = await rig.instance('web', [], { volumes: [{ volumeId, deleteOnTermination: true }] })
  rig.world.faults = ({ name }) => (name.startsWith('cinder delete-volume') ? { when: 'after', do: 'die' } : undefined)
  rig.instances.delete(id).catch(() => {})
  await rig.world.died
  await rig.restart()
  for (const { id: operation } of await rig.operations.list({ unfinished: true })) {
    await rig.operations.resume(operation)
  }
  assert.deepEqual(await rig.instances.list(), [])
  assert.equal(await rig.services.volumes.settled(volumeId), undefined)
  assert.deepEqual([rig.traces(), violations(rig)], [[], []])
})

it('instances go on when the token has ended', async () => {
  const rig = openCloudRig({ tokenMs: 3_600_000 })
  const id = await rig.instance('web', [await rig.volume('luks')])
  await rig.world.clock.sleep(2 * 3_600_000)
  await rig.instances.hardReboot(id)
  assert.deepEqual(violations(rig), [])
})

describe('host check of instances with images of Ceph', () => {
  it('finds nothing where all is well, and is blind, not alarmed, while Ceph does not answer', async () => {
    const rig = openCloudRig()
    await rig.instance('web', [await rig.volume('luks'), await rig.volume()])
    const well = await rig.host.check()
    assert.deepEqual([well.findings, well.blind], [[], []])
    failing(rig, 'storage-unreachable', name => name.startsWith('ceph probe'))
    const away = await rig.host.check()
    assert.deepEqual(away.findings, [])
    assert.deepEqual(
      away.blind.map(({ part, error }) => [part, error.code]),
      [['disks of guests', 'storage-unreachable']],
    )
  })

  it('tells a secret that nobody needs any more from a loop device, and removes it', async () => {
    const rig = openCloudRig()
    const id = await rig.instance('web', [await rig.volume()])
    const [row] = (await rig.instances.show(id)).mappings
    const kept = [...rig.world.secrets.entries()]
    await rig.instances.stop(id)
    for (const [uuid, secret] of kept) rig.world.secrets.set(uuid, secret)
    const { findings } = await rig.host.check()
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['ceph-secret-leftover'],
    )
    assert.match(findings[0]?.message ?? '', new RegExp(`opens rbd:.*${row?.volumeId}`))
    await rig.host.fix(findings)
    assert.equal(rig.world.secrets.size, 0)
  })
})
