import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, isHoldfastError } from '#src/core/error.ts'
import { Rig } from './rig.ts'

/** States that a host was left in; each in terms of what an operator would find. */
const BROKEN: readonly {
  readonly name: string
  readonly leave: (rig: Rig, id: string, volumeId: string) => unknown
}[] = [
  { name: 'nothing: the guest runs', leave: () => {} },
  { name: 'QEMU killed', leave: (rig, id) => rig.libvirt.endRun(domain(rig, id)) },
  {
    name: 'QEMU killed, domain undefined',
    leave: (rig, id) => {
      rig.libvirt.endRun(domain(rig, id))
      rig.libvirt.undefine(domain(rig, id), false)
    },
  },
  { name: 'the guest runs on as a transient domain', leave: (rig, id) => rig.libvirt.undefine(domain(rig, id), false) },
  {
    name: 'QEMU killed, secrets lost with libvirt',
    leave: (rig, id) => {
      rig.libvirt.endRun(domain(rig, id))
      rig.world.secrets.clear()
    },
  },
  {
    name: 'QEMU killed, crypt mappings removed',
    leave: (rig, id) => {
      rig.libvirt.endRun(domain(rig, id))
      rig.world.mappings.clear()
    },
  },
  {
    name: 'QEMU killed, mapping removed, loop device left',
    leave: (rig, id, volumeId) => {
      rig.libvirt.endRun(domain(rig, id))
      rig.world.mappings.delete(`crypt-${volumeId}`)
    },
  },
  { name: 'the power was cut', leave: rig => rig.reboot() },
  { name: 'the process was killed', leave: rig => rig.restart() },
]

const domain = (rig: Rig, id: string) => {
  const found = rig.libvirt.domains.get(id)
  assert.ok(found)
  return found
}

/** How each volume is opened: by the kernel, by QEMU, not at all. */
const KINDS = [
  { name: 'dm-crypt', provider: 'luks2', dmCrypt: true },
  { name: 'native LUKS', provider: 'luks', dmCrypt: false },
  { name: 'plain', provider: undefined, dmCrypt: true },
] as const

describe('hard reboot from', () => {
  for (const { name: kind, provider, dmCrypt } of KINDS) {
    for (const { name, leave } of BROKEN) {
      it(`${name}, ${kind}`, async () => {
        const rig = new Rig({ dmCrypt })
        const volumes = [await rig.volume(provider), await rig.volume(provider)]
        const id = await rig.instance('web', volumes)
        await leave(rig, id, volumes[0] ?? '')

        const { change, operation } = await rig.instances.hardReboot(id)

        assert.deepEqual([change, operation.state], ['made', 'done'])
        const view = await rig.instances.show(id)
        assert.deepEqual([view.record.status, view.power], ['ACTIVE', 'running'])
        assert.equal(rig.libvirt.sights.length, 4)
        assert.deepEqual(rig.badSights(), [])
        await rig.instances.delete(id)
        assert.deepEqual(rig.traces(), [])
      })
    }
  }

  it('itself, as often as asked', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    for (let count = 0; count < 3; count++) await rig.instances.hardReboot(id)
    assert.deepEqual(rig.badSights(), [])
    assert.equal(domain(rig, id).state, 'running')
  })
})

/** What makes the way up impossible; each must be told before anything is touched. */
const IMPOSSIBLE: readonly {
  readonly name: string
  readonly code: string
  readonly leave: (rig: Rig, paths: readonly [string, string]) => unknown
}[] = [
  { name: 'its storage is absent', code: 'storage-absent', leave: (rig, [a]) => rig.world.files.delete(a) },
  {
    name: "two volumes' files were exchanged",
    code: 'wrong-device',
    leave: (rig, [a, b]) => {
      const [one, two] = [rig.world.files.get(a), rig.world.files.get(b)]
      assert.ok(one && two)
      rig.world.files.set(a, two).set(b, one)
    },
  },
  {
    name: "a foreign file lies under a volume's path",
    code: 'wrong-device',
    leave: (rig, [a]) => rig.world.addFile(a, { sizeBytes: rig.world.files.get(a)?.sizeBytes ?? 0, content: 'theirs' }),
  },
  {
    name: "another volume's mapping has the name of ours",
    code: 'wrong-device',
    leave: (rig, [a]) => {
      const name = `crypt-${a.slice(-36)}`
      const dmUuid = `CRYPT-LUKS2-${'0'.repeat(32)}-${name}`
      rig.world.addFile('/dev/sdz', { kind: 'block', sizeBytes: 2 ** 30 })
      rig.world.mappings.set(name, { name, target: 'crypt', dmUuid, over: '/dev/sdz', sizeBytes: 2 ** 30 })
    },
  },
  {
    name: 'the key manager is away',
    code: 'key-manager-unavailable',
    leave: rig => rig.keysAway(),
  },
  {
    name: 'libvirt does not run',
    code: 'hypervisor-unavailable',
    leave: rig => {
      rig.libvirt.up = false
    },
  },
  { name: 'its bridge is gone', code: 'bridge-not-found', leave: rig => rig.world.interfaces.delete('br0') },
  { name: 'its kernel is gone', code: '', leave: rig => rig.world.files.delete('/boot/vmlinuz') },
]

describe('hard reboot refuses, and touches nothing, if', () => {
  for (const { name, code, leave } of IMPOSSIBLE) {
    it(name, async () => {
      const rig = new Rig()
      const volumes = [await rig.volume('luks2'), await rig.volume('luks2')] as const
      const id = await rig.instance('web', volumes)
      await leave(rig, [`/pool/volume-${volumes[0]}`, `/pool/volume-${volumes[1]}`])
      const before = rig.traces()
      const passed = rig.world.passed.length

      await assert.rejects(
        rig.instances.hardReboot(id),
        error =>
          (code === '' || hasCode(error, code)) &&
          isHoldfastError(error) &&
          /nothing was touched/.test(error.details.left ?? ''),
      )

      const effects = rig.world.passed.slice(passed).filter(point => point.kind === 'effect')
      assert.deepEqual(
        effects.filter(point => point.name !== 'store commit'),
        [],
      )
      assert.deepEqual(rig.traces(), before)
      assert.equal(domain(rig, id).state, 'running')
      assert.equal((await rig.parts.store.instance(id))?.status, 'ACTIVE')
    })
  }

  it('unless forced; then the way up fails, all of it is taken down again, and a later reboot works', async () => {
    const rig = new Rig()
    const volumeId = await rig.volume('luks2')
    const id = await rig.instance('web', [volumeId, await rig.volume()])
    rig.keysAway()

    await assert.rejects(rig.instances.hardReboot(id, { force: true }), error =>
      hasCode(error, 'key-manager-unavailable'),
    )

    assert.deepEqual(rig.traces(), [])
    const failed = await rig.instances.show(id)
    assert.deepEqual([failed.record.status, failed.record.fault?.code], ['ERROR', 'key-manager-unavailable'])
    rig.allWell()
    await rig.instances.hardReboot(id)
    const view = await rig.instances.show(id)
    assert.deepEqual([view.record.status, view.record.fault, view.power], ['ACTIVE', undefined, 'running'])
    assert.deepEqual(rig.badSights(), [])
  })
})
