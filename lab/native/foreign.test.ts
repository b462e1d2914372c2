import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { SecretUsage } from '#src/libvirt/index.ts'
import { Bench } from '#test/wrong-input/bench.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { makeRealHost, type RealHost } from '../holdfast-life.ts'
import { libvirtdOf, qemuOf } from '../processes.ts'

const FOREIGN_DOMAIN =
  "<domain type='qemu'><name>taken</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>"
const FOREIGN_SECRET = '11111111-2222-4333-8444-555555555555'

/** The command line against a real libvirt, on a host where somebody else has things too, and where it is asked wrongly. */
describe('what is refused with a real libvirt, and leaves guest, volumes and strangers as they are', {
  timeout: 240_000,
}, () => {
  let real: RealHost
  let bench: Bench
  let web: string
  let qemu: number
  const ids = new Map<string, string>()
  const id = (name: string) => ids.get(name) ?? assert.fail(`no volume ${name}`)

  before(async () => {
    real = await makeRealHost()
    const { stateDirectory: state, libvirtSocket } = real.config
    bench = (await Bench.open()).with({ state, env: { HOLDFAST_LIBVIRT_SOCKET: libvirtSocket } })
    await bench.make('volume', 'type', 'create', 'secret', '--encryption-provider', 'luks')
    const zone = ['--availability-zone', 'elsewhere']
    const volumes = { root: ['--type', 'secret'], data: [], spare: ['--type', 'secret'], far: zone }
    for (const [name, more] of Object.entries(volumes))
      ids.set(name, await bench.make('volume', 'create', '--size', '1', ...more, name))
    web = await bench.make(...create('web', 'root', 'data'))
    qemu = await qemuOf(web)
  })
  after(async () => {
    await bench[Symbol.asyncDispose]()
    await real[Symbol.asyncDispose]()
  })

  function create(name: string, ...volumes: readonly string[]): string[] {
    const { kernel, initrd } = real.guest
    const boot = ['--kernel', kernel, '--initrd', initrd, '--append', GUEST_KERNEL_ARGUMENTS]
    const disks = volumes.flatMap(volume => ['--volume', volume])
    return ['instance', 'create', name, '--memory', '128', '--cpus', '1', ...boot, ...disks]
  }

  /** The guest runs on in the same QEMU, with the same disks. */
  async function refuses(args: readonly string[], refusal: Parameters<Bench['refuses']>[1]): Promise<void> {
    await bench.refuses(args, refusal)
    assert.equal(await qemuOf(web), qemu)
    assert.equal((await bench.ok('instance', 'show', 'web')).status, 'ACTIVE')
  }

  it('a volume that is attached: not again, not elsewhere, not deleted, grown or copied unawares', async () => {
    const again = { code: 'already-attached', exit: 4, says: [id('data'), /already attached to instance 'web' as vdb/] }
    await refuses(['instance', 'attach', 'web', 'data'], again)
    const inUse = { code: 'invalid-volume', exit: 5, says: [id('data'), "'in-use'", "'available'"] }
    await refuses(create('other', 'data'), inUse)
    await refuses(['volume', 'extend', 'data', '2'], inUse)
    await refuses(['snapshot', 'create', 'data'], inUse)
    const attached = { ...inUse, says: [id('data'), "'in-use'", web], hint: /detach it first/ }
    await refuses(['volume', 'delete', 'data'], attached)
  })

  it('a volume that is not attached is not detached', async () => {
    const says = [id('spare'), /not attached to instance 'web'/]
    await refuses(['instance', 'detach', 'web', 'spare'], { code: 'volume-not-attached', exit: 3, says })
  })

  it('a name that is taken, and the same volume twice', async () => {
    await refuses(create('web', 'spare'), { code: 'name-taken', exit: 4, says: ['web', web], hint: /another name/ })
    await refuses(create('x', 'spare', 'spare'), { code: 'usage', exit: 2, says: [/named twice/] })
  })

  it('a volume of another zone, where zones must agree', async () => {
    const strict = bench.with({ env: { HOLDFAST_CROSS_ZONE_ATTACH: 'false' } })
    const refusal = { code: 'invalid-volume', exit: 5, says: [id('far'), /elsewhere/, /nova/] }
    await strict.refuses(['instance', 'attach', 'web', 'far'], refusal)
    await strict.refuses(create('x', 'far'), refusal)
    assert.equal(await qemuOf(web), qemu)
  })

  it('files and bridges that are not there', async () => {
    const { kernel } = real.guest
    const boot = ['instance', 'create', 'x', '--memory', '128', '--cpus', '1', '--kernel']
    await refuses([...boot, '/nowhere/vmlinuz'], { code: 'file-not-found', exit: 3, says: ['/nowhere/vmlinuz'] })
    await refuses([...boot, '/etc'], { code: 'file-not-found', exit: 3, says: ['/etc', /neither a file/] })
    const bridge = { code: 'bridge-not-found', exit: 3, says: ['nobridge'], hint: /ip link add nobridge/ }
    await refuses([...boot, kernel, '--network', 'bridge=nobridge'], bridge)
  })

  it("somebody else's domain of the same name stays, and is not taken over", async () => {
    const { uuid } = await real.libvirt.domain.defineXMLFlags(FOREIGN_DOMAIN, 0)
    const xml = async () => await real.libvirt.domain.getXMLDesc(await real.libvirt.domain.lookupByName('taken'), 0)
    const before = await xml()
    await refuses(create('taken', 'spare'), {
      code: 'domain-foreign',
      exit: 4,
      says: ["'taken'", uuid, /not made by Holdfast/],
      hint: /virsh dumpxml/,
    })
    assert.equal(await xml(), before)
    await real.libvirt.domain.undefineFlags(await real.libvirt.domain.lookupByName('taken'), 0)
  })

  it("somebody else's secret for one of our volumes stays, and is not used", async () => {
    const usage = `<usage type='volume'><volume>${id('spare')}</volume></usage>`
    const secret = await real.libvirt.secret.defineXML(
      `<secret ephemeral='yes' private='no'><uuid>${FOREIGN_SECRET}</uuid>${usage}</secret>`,
    )
    await real.libvirt.secret.setValue(secret, new TextEncoder().encode('of somebody else'))
    const xml = await real.libvirt.secret.getXMLDesc(secret)
    const refusal = {
      code: 'secret-foreign',
      exit: 4,
      says: [FOREIGN_SECRET, id('spare')],
      hint: new RegExp(`virsh secret-undefine ${FOREIGN_SECRET}`),
    }
    await refuses(['instance', 'attach', 'web', 'spare'], refusal)
    await refuses(create('x', 'spare'), refusal)
    const found = await real.libvirt.secret.lookupByUsage(SecretUsage.VOLUME, id('spare'))
    assert.equal(found.uuid, FOREIGN_SECRET)
    assert.equal(await real.libvirt.secret.getXMLDesc(found), xml)
    await real.libvirt.secret.undefine(found)
  })

  it('an attachment that the volume service gave up under us, before anything is torn down', async () => {
    const [attachment] = await withVolumes(volumes => volumes.attachmentGetAll({ volumeId: id('data') }))
    await withVolumes(volumes => volumes.attachmentDelete(attachment?.id ?? ''))
    await refuses(['instance', 'reboot', '--hard', 'web'], {
      code: 'attachment-lost',
      exit: 9,
      says: [id('data'), attachment?.id ?? ''],
      hint: /detach the volume/,
      left: /nothing was touched/,
    })
    await refuses(['instance', 'reboot', '--hard', 'web'], { code: 'attachment-lost', exit: 9, says: [] })
    await bench.ok('instance', 'stop', 'web', '--now')
    await bench.ok('instance', 'detach', 'web', 'data')
    await bench.ok('instance', 'start', 'web')
    qemu = await qemuOf(web)
  })

  async function withVolumes<T>(work: (volumes: Awaited<ReturnType<RealHost['open']>>['volumes']) => Promise<T>) {
    await using holdfast = await real.open()
    return await work(holdfast.volumes)
  }

  it('QEMU gone from the host: told before anything is torn down, and by which package it comes back', async () => {
    const emulator = '/usr/bin/qemu-system-x86_64'
    const pid = String(await libvirtdOf(real.config.libvirtSocket))
    const inside = ['--mount', '--pid', '--target', pid, '--']
    execFileSync('nsenter', [...inside, 'mount', '--bind', '/dev/null', emulator])
    try {
      for (const args of [['instance', 'reboot', '--hard', 'web'], create('x', 'spare')])
        await refuses(args, { code: 'emulator-missing', exit: 10, says: [/./], hint: /apt-get install|qemu-system/ })
    } finally {
      execFileSync('nsenter', [...inside, 'umount', emulator])
    }
  })

  it('after all that a hard reboot works', async () => {
    await bench.ok('instance', 'attach', 'web', 'spare')
    await bench.ok('instance', 'reboot', '--hard', 'web')
    assert.notEqual(await qemuOf(web), qemu)
    await bench.ok('instance', 'delete', 'web')
    assert.deepEqual(await real.libvirt.connect.listAllSecrets(), [])
  })
})
