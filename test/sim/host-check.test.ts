import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Finding } from '#src/engine/host-api.ts'
import { Rig } from './rig.ts'

const codes = (findings: readonly Finding[]) => findings.map(({ code }) => code)

/** What stands, all of it, to prove that nothing was touched. */
const standing = (rig: Rig) => [
  ...rig.traces(),
  ...[...rig.libvirt.domains.values()].map(({ id, state }) => `${id} ${state}`),
]

async function running(options: { dmCrypt?: boolean } = {}) {
  const rig = new Rig(options)
  const volume = await rig.volume(options.dmCrypt === false ? 'luks' : 'luks2')
  const id = await rig.instance('web', [volume])
  const domain = rig.libvirt.domains.get(id)
  assert.ok(domain)
  return { rig, volume, id, domain }
}

describe('host check', () => {
  for (const dmCrypt of [true, false]) {
    it(`finds nothing where all is as recorded, running and stopped (${dmCrypt ? 'dm-crypt' : 'native'})`, async () => {
      const { rig, id } = await running({ dmCrypt })
      const check = await rig.host.check()
      assert.deepEqual(check.findings, [])
      assert.deepEqual(check.blind, [])
      assert.deepEqual([check.looked.instances, check.looked.domains, check.looked.attachments], [1, 1, 1])
      await rig.instances.stop(id)
      assert.deepEqual((await rig.host.check()).findings, [])
    })
  }

  it('lists what is not ours as foreign, harmless, with nothing to do', async () => {
    const { rig } = await running()
    const { world, libvirt } = rig
    world.mappings.set('cr_home', {
      name: 'cr_home',
      target: 'crypt',
      dmUuid: 'CRYPT-LUKS2-00-cr_home',
      over: '/dev/sda3',
      sizeBytes: 1,
    })
    const file = world.addFile('/srv/iso.img')
    world.loops.set('/dev/loop9', { path: '/dev/loop9', file, backingPath: '/srv/iso.img' })
    world.secrets.set('11111111-1111-4111-8111-111111111111', {
      uuid: '11111111-1111-4111-8111-111111111111',
      usage: 'ceph',
    })
    world.interfaces.set('tap0', { name: 'tap0', kind: 'tap' })
    libvirt.domains.set('other', { id: 'other', name: 'other', ours: false, state: 'shutoff', resets: 0 })
    const before = standing(rig)
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings).toSorted(), [
      'domain-foreign',
      'loop-foreign',
      'mapping-foreign',
      'secret-foreign',
      'tap-foreign',
    ])
    for (const { danger, mend, owner } of findings)
      assert.deepEqual([danger, mend.by, owner], ['none', 'nobody', "not Holdfast's"])
    assert.deepEqual(await rig.host.fix(findings), [])
    assert.deepEqual(standing(rig), before)
  })

  it('what a stopped instance left is found, owned, and torn down by --fix', async () => {
    const { rig, volume, id } = await running()
    const { world } = rig
    const [mapping] = [...world.mappings.values()]
    const [loop] = [...world.loops.values()]
    const tap = [...world.interfaces.values()].find(({ kind }) => kind === 'tap')
    await rig.instances.stop(id)
    assert.ok(mapping && loop && tap)
    world.mappings.set(mapping.name, mapping)
    world.loops.set(loop.path, loop)
    world.interfaces.set(tap.name, tap)
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings).toSorted(), ['loop-leftover', 'mapping-leftover', 'tap-leftover'])
    const open = findings.find(({ code }) => code === 'mapping-leftover')
    assert.deepEqual([open?.danger, open?.mend.by], ['medium', 'fix'])
    assert.match(open?.owner ?? '', new RegExp(`instance web, volume .*${volume}`))
    const fixed = await rig.host.fix(findings)
    assert.deepEqual(fixed.map(({ outcome }) => outcome).toSorted(), ['fixed', 'gone', 'gone'])
    assert.deepEqual((await rig.host.check()).findings, [])
    assert.deepEqual(
      rig.traces().filter(trace => !trace.startsWith('domain')),
      [],
    )
  })

  it('what no record has any more is closed, uppermost first', async () => {
    const { rig, id } = await running()
    const { world } = rig
    const left = { mappings: [...world.mappings], loops: [...world.loops] }
    await rig.instances.delete(id)
    for (const [name, mapping] of left.mappings) world.mappings.set(name, mapping)
    for (const [path, loop] of left.loops) world.loops.set(path, loop)
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings), ['mapping-leftover', 'loop-leftover'])
    assert.deepEqual(
      (await rig.host.fix(findings.toReversed())).map(({ finding, outcome }) => [finding.code, outcome]),
      [
        ['mapping-leftover', 'fixed'],
        ['loop-leftover', 'fixed'],
      ],
    )
    assert.deepEqual(rig.traces(), [])
    assert.equal((await rig.parts.volumes.getAll()).length, 1)
  })

  it('a secret that no record has any more is removed', async () => {
    const { rig, id } = await running({ dmCrypt: false })
    const left = [...rig.world.secrets]
    await rig.instances.delete(id)
    for (const [uuid, secret] of left) rig.world.secrets.set(uuid, secret)
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings), ['secret-leftover'])
    await rig.host.fix(findings)
    assert.deepEqual(rig.traces(), [])
  })

  it("instances that a boot ended are brought back by --fix, those that went off themselves are the operator's", async () => {
    const { rig, id, domain } = await running()
    rig.libvirt.endRun(domain)
    const [off] = (await rig.host.check()).findings.filter(({ code }) => code.startsWith('domain'))
    assert.deepEqual([off?.code, off?.mend.by], ['domain-not-running', 'operator'])
    await rig.reboot()
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings), ['instance-not-back'])
    assert.deepEqual(
      (await rig.host.fix(findings)).map(({ outcome }) => outcome),
      ['fixed'],
    )
    assert.equal(rig.libvirt.domains.get(id)?.state, 'running')
    assert.deepEqual((await rig.host.check()).findings, [])
  })

  it('a mend that fails is told, and the others go on', async () => {
    const { rig, volume } = await running()
    await rig.instance('db', [await rig.volume('luks2')])
    await rig.reboot()
    for (const path of [...rig.world.files.keys()]) if (path.includes(volume)) rig.world.files.delete(path)
    const fixed = await rig.host.fix((await rig.host.check()).findings)
    const byOwner = Object.fromEntries(
      fixed.map(({ finding, outcome, error }) => [finding.owner, error?.code ?? outcome]),
    )
    assert.deepEqual(byOwner, { 'instance db': 'fixed', 'instance web': 'storage-absent' })
  })

  it('interrupted operations come first, and what they left is not told twice', async () => {
    const { rig, id } = await running()
    const spare = await rig.volume('luks2')
    rig.world.faults = point =>
      point.name.startsWith('cryptsetup luksOpen') ? { when: 'after', do: 'die' } : undefined
    rig.instances.attach(id, spare).catch(() => {})
    await rig.world.died
    await rig.restart()
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings), ['operation-unfinished'])
    assert.match(findings[0]?.message ?? '', /attach of instance web was interrupted/)
    await rig.host.fix(findings)
    assert.deepEqual((await rig.host.check()).findings, [])
    assert.equal((await rig.parts.volumes.get(spare)).status, 'available')
  })

  describe('a running guest', () => {
    const mended = (finding: Finding | undefined) =>
      finding?.mend.by === 'operator' ? finding.mend.commands.join() : finding?.mend.by

    it('with a disk from elsewhere is told as dangerous, and left to the operator', async () => {
      const { rig, volume, domain } = await running()
      const other = rig.world.addFile('/elsewhere')
      assert.ok(other && domain.live)
      domain.live.disks = domain.live.disks.map(disk => ({ ...disk, path: '/elsewhere' }))
      const { findings } = await rig.host.check()
      const [wrong] = findings
      assert.deepEqual([wrong?.code, wrong?.danger], ['disk-wrong-source', 'high'])
      assert.match(wrong?.message ?? '', new RegExp(`/elsewhere as vda, not /dev/mapper/crypt-${volume}`))
      assert.equal(mended(wrong), 'holdfast instance reboot --hard web')
      assert.deepEqual(await rig.host.fix(findings), [])
    })

    it('that lacks a volume, or has one that is not recorded', async () => {
      const { rig, domain } = await running()
      assert.ok(domain.live)
      domain.live.disks = domain.live.disks.map(disk => ({ ...disk, target: 'vdq' }))
      assert.deepEqual(codes((await rig.host.check()).findings), ['disk-not-recorded', 'disk-missing'])
    })

    it('whose next configuration somebody changed', async () => {
      const { rig, domain } = await running()
      assert.ok(domain.persistent)
      domain.persistent.disks = []
      assert.deepEqual(codes((await rig.host.check()).findings), ['configuration-differs'])
    })

    it('whose mapping was exchanged behind its back', async () => {
      const { rig, volume } = await running()
      const name = `crypt-${volume}`
      const mapping = rig.world.mappings.get(name)
      assert.ok(mapping)
      const other = rig.world.addFile('/other')
      rig.world.loops.set('/dev/loop7', { path: '/dev/loop7', file: other, backingPath: '/other' })
      rig.world.mappings.set(name, { ...mapping, over: '/dev/loop7' })
      const found = (await rig.host.check()).findings.find(({ code }) => code === 'disk-not-verified')
      assert.equal(found?.danger, 'high')
    })

    it('whose secret libvirt lost runs on', async () => {
      const { rig } = await running({ dmCrypt: false })
      rig.world.secrets.clear()
      const { findings } = await rig.host.check()
      assert.deepEqual(
        findings.map(({ code, danger, mend }) => [code, danger, mend.by]),
        [['secret-missing', 'low', 'nobody']],
      )
    })

    it('that somebody started although it is recorded as stopped', async () => {
      const { rig, id } = await running()
      await rig.instances.stop(id)
      const domain = rig.libvirt.domains.get(id)
      assert.ok(domain?.persistent)
      domain.persistent.disks = []
      rig.libvirt.start(domain)
      const found = (await rig.host.check()).findings.find(({ code }) => code === 'domain-running')
      assert.deepEqual([found?.danger, found?.mend.by], ['high', 'operator'])
    })
  })

  it('attachments that one side does not know', async () => {
    const { rig, volume, id } = await running()
    const spare = await rig.volume('luks2')
    const mine = await rig.parts.volumes.attachmentCreate({ volumeId: spare, instanceId: id })
    const foreign = await rig.volume()
    await rig.parts.volumes.attachmentCreate({ volumeId: foreign, instanceId: '22222222-2222-4222-8222-222222222222' })
    const [row] = await rig.parts.store.mappings(id)
    await rig.parts.volumes.attachmentDelete(row?.attachmentId ?? '')
    const { findings } = await rig.host.check()
    assert.deepEqual(codes(findings), ['attachment-lost', 'attachment-leftover', 'attachment-foreign'])
    assert.match(findings[0]?.message ?? '', new RegExp(volume))
    const fixed = await rig.host.fix(findings)
    assert.deepEqual(
      fixed.map(({ finding, outcome }) => [finding.object, outcome]),
      [[`attachment ${mine.id}`, 'fixed']],
    )
    assert.equal((await rig.parts.volumes.get(spare)).status, 'available')
    assert.equal((await rig.parts.volumes.get(foreign)).status, 'reserved')
  })

  it('a volume that a guest has and the host has mounted too is told once, wherever the mount shows', async () => {
    const mount = 'volume group data (logical volume home), mounted at /home'
    for (const words of ['a mount at /home', mount]) {
      const { rig, id } = await running()
      const [mapping] = [...rig.world.mappings.values()]
      assert.ok(mapping)
      const path = `/dev/mapper/${mapping.name}`
      rig.world.hold(path, words)
      rig.world.hold(mapping.over, `mapping ${mapping.name}, under ${mount}`)
      const { findings } = await rig.host.check()
      assert.deepEqual(codes(findings), ['volume-mounted'])
      assert.deepEqual([findings[0]?.object, findings[0]?.danger], [`mapping ${mapping.name}`, 'high'])
      assert.ok(findings[0]?.owner.includes('web'), id)
      rig.world.release(path, words)
      assert.deepEqual(codes((await rig.host.check()).findings), [])
    }
  })

  it('a holder whose name has the word in it is no mount', async () => {
    const { rig } = await running()
    const [mapping] = [...rig.world.mappings.values()]
    assert.ok(mapping)
    for (const words of [
      'domain mount-1 (process 12)',
      'process 12 (mount)',
      'volume group mount (logical volume a)',
    ]) {
      rig.world.hold(`/dev/mapper/${mapping.name}`, words)
    }
    assert.deepEqual(codes((await rig.host.check()).findings), [])
  })

  it('says what it could not look at, and nothing of it', async () => {
    const { rig } = await running()
    rig.libvirt.up = false
    const { findings, blind } = await rig.host.check()
    assert.deepEqual(findings, [])
    assert.ok(blind.some(({ part, error }) => part === 'domains' && error.code === 'hypervisor-unavailable'))
  })

  it('changes nothing, ever', async () => {
    const { rig } = await running()
    await rig.reboot()
    const effects = () => rig.world.passed.filter(({ kind }) => kind === 'effect').length
    const before = effects()
    await rig.host.check()
    await rig.host.drill()
    assert.equal(effects(), before)
  })
})
