import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { type PrivateLibvirtd, startPrivateLibvirtd } from '#lab/libvirtd.ts'
import {
  type ConnectionChange,
  type Domain,
  DomainAffect,
  DomainBlockJobAbort,
  DomainBlockJobStatus,
  DomainBlockJobType,
  DomainBlockResize,
  DomainEvent,
  DomainEventStopped,
  DomainMetadata,
  DomainPausedReason,
  DomainShutoffReason,
  DomainStart,
  DomainState,
  DomainXML,
  type EventMessage,
  type EventName,
  isLibvirtCode,
  Libvirt,
  ListDomains,
  ListSecrets,
  SecretUsage,
} from './index.ts'

const MIB = 2 ** 20
const skip = process.getuid?.() === 0 ? false : 'needs root'

/** Events of one kind as they come; `next` waits for one that fits, among those not yet taken. */
class Heard<N extends EventName> {
  readonly #messages: EventMessage<N>[] = []
  #wake: () => void = () => {}

  static async of<N extends EventName>(libvirt: Libvirt, name: N): Promise<Heard<N>> {
    const heard = new Heard<N>()
    await libvirt.subscribe(name, message => {
      heard.#messages.push(message)
      heard.#wake()
    })
    return heard
  }

  async next(fits: (message: EventMessage<N>) => boolean): Promise<EventMessage<N>> {
    for (;;) {
      const index = this.#messages.findIndex(fits)
      if (index >= 0) return this.#messages.splice(0, index + 1).at(-1) as EventMessage<N>
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

describe('real libvirtd', { skip, timeout: 180_000 }, () => {
  let directory: string
  let daemon: PrivateLibvirtd
  let libvirt: Libvirt

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'libvirt-real-'))
    await chmod(directory, 0o755)
    daemon = await startPrivateLibvirtd({ dir: directory })
  })

  after(async () => {
    await daemon?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  afterEach(async () => {
    for (const dom of await libvirt.connect.listAllDomains()) {
      if (await libvirt.domain.isActive(dom)) await libvirt.domain.destroyFlags(dom)
      if (await libvirt.domain.isPersistent(dom)) await libvirt.domain.undefineFlags(dom)
    }
    await libvirt.close()
  })

  const open = (): Libvirt => {
    libvirt = new Libvirt({ socketPath: daemon.socketPath })
    return libvirt
  }

  const xml = (name: string, devices = ''): string => `<domain type='qemu'>
    <name>${name}</name><uuid>${randomUUID()}</uuid><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os>
    <devices>${devices}<controller type='usb' model='qemu-xhci'/><memballoon model='none'/></devices>
  </domain>`

  const image = async (name: string, bytes: number): Promise<string> => {
    const path = join(directory, name)
    await writeFile(path, '')
    await truncate(path, bytes)
    return path
  }

  const disk = (path: string, target: string, bus: string): string =>
    `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='${target}' bus='${bus}'/><alias name='ua-${target}'/></disk>`

  it('tells what it is', async () => {
    open()
    const [lib, qemu] = [await libvirt.connect.getLibVersion(), await libvirt.connect.getVersion()]
    assert.ok(lib >= 9_000_000 && lib < 100_000_000, `${lib}`)
    assert.ok(qemu >= 7_000_000 && qemu < 100_000_000, `${qemu}`)
    assert.equal(await libvirt.connect.getType(), 'QEMU')
    assert.equal(await libvirt.connect.getURI(), 'qemu:///system')
    assert.match(await libvirt.connect.getHostname(), /./)
    assert.match(await libvirt.connect.getCapabilities(), /^<capabilities>.*<guest>/s)
    const query = { virttype: 'qemu', arch: 'x86_64' }
    assert.match(await libvirt.connect.getDomainCapabilities(query), /<domain>qemu<\/domain>/)
    const node = await libvirt.node.getInfo()
    assert.equal(node.model, process.arch === 'x64' ? 'x86_64' : node.model)
    assert.ok(node.cpus >= 1 && node.memory > 100_000)
  })

  it('runs a domain from definition to removal, and tells of every step', async () => {
    open()
    const lifecycle = await Heard.of(libvirt, 'lifecycle')
    const step = (event: number) => lifecycle.next(message => message.event === event)
    const dom = await libvirt.domain.defineXMLFlags(xml('steps'))
    assert.equal(dom.id, -1)
    assert.deepEqual((await step(DomainEvent.DEFINED)).dom, dom)
    assert.deepEqual(await libvirt.domain.lookupByName('steps'), dom)
    assert.deepEqual(await libvirt.domain.lookupByUUID(dom.uuid.toUpperCase()), dom)
    assert.deepEqual(await libvirt.connect.listAllDomains(ListDomains.INACTIVE), [dom])
    assert.equal((await libvirt.domain.getState(dom)).state, DomainState.SHUTOFF)

    const run = await libvirt.domain.createWithFlags(dom, DomainStart.PAUSED)
    assert.ok(run.id > 0)
    assert.equal((await step(DomainEvent.STARTED)).dom.id, run.id)
    const paused = { state: DomainState.PAUSED, reason: DomainPausedReason.USER }
    assert.deepEqual(await libvirt.domain.getState(dom), paused)
    assert.deepEqual(await libvirt.connect.listAllDomains(ListDomains.PAUSED), [run])

    await libvirt.domain.resume(dom)
    await step(DomainEvent.RESUMED)
    assert.equal((await libvirt.domain.getState(dom)).state, DomainState.RUNNING)
    await libvirt.domain.suspend(dom)
    await step(DomainEvent.SUSPENDED)
    await libvirt.domain.resume(dom)
    const reboots = await Heard.of(libvirt, 'reboot')
    await libvirt.domain.reset(dom)
    await reboots.next(message => message.dom.uuid === dom.uuid)
    await libvirt.domain.shutdownFlags(dom)
    await libvirt.domain.reboot(dom)

    await libvirt.domain.destroyFlags(dom)
    assert.equal((await step(DomainEvent.STOPPED)).detail, DomainEventStopped.DESTROYED)
    const off = { state: DomainState.SHUTOFF, reason: DomainShutoffReason.DESTROYED }
    assert.deepEqual(await libvirt.domain.getState(dom), off)
    await assert.rejects(libvirt.domain.destroyFlags(dom), error => isLibvirtCode(error, 'OPERATION_INVALID'))
    assert.equal(await libvirt.domain.hasManagedSaveImage(dom), false)
    await libvirt.domain.undefineFlags(dom)
    await step(DomainEvent.UNDEFINED)
    await assert.rejects(libvirt.domain.getState(dom), error => isLibvirtCode(error, 'NO_DOMAIN'))
  })

  it('shows the configuration that runs and the one of the next start', async () => {
    open()
    const dom = await libvirt.domain.defineXMLFlags(xml('two'))
    await libvirt.domain.createWithFlags(dom)
    const path = await image('two.img', MIB)
    await libvirt.domain.attachDeviceFlags(dom, disk(path, 'vdb', 'virtio'), DomainAffect.CONFIG)
    assert.ok(!(await libvirt.domain.getXMLDesc(dom)).includes(path))
    assert.ok((await libvirt.domain.getXMLDesc(dom, DomainXML.INACTIVE)).includes(path))
    await libvirt.domain.detachDeviceFlags(dom, disk(path, 'vdb', 'virtio'), DomainAffect.CONFIG)
    assert.ok(!(await libvirt.domain.getXMLDesc(dom, DomainXML.INACTIVE)).includes(path))
    const gone = libvirt.domain.detachDeviceFlags(dom, disk(path, 'vdb', 'virtio'), DomainAffect.CONFIG)
    await assert.rejects(gone, error => isLibvirtCode(error, 'DEVICE_MISSING', 'OPERATION_FAILED', 'INVALID_ARG'))
    const alias = libvirt.domain.detachDeviceAlias(dom, 'ua-vdb', DomainAffect.LIVE)
    await assert.rejects(alias, error => isLibvirtCode(error, 'DEVICE_MISSING', 'INTERNAL_ERROR'))
  })

  it('attaches and detaches a disk while the guest runs, with the events of it', async () => {
    open()
    const dom = await libvirt.domain.defineXMLFlags(xml('hot'))
    await libvirt.domain.createWithFlags(dom)
    const [added, removed] = [await Heard.of(libvirt, 'deviceAdded'), await Heard.of(libvirt, 'deviceRemoved')]
    const device = disk(await image('hot.img', MIB), 'sda', 'usb')
    await libvirt.domain.attachDeviceFlags(dom, device, DomainAffect.LIVE)
    assert.equal((await added.next(message => message.dom.uuid === dom.uuid)).devAlias, 'ua-sda')
    await libvirt.domain.updateDeviceFlags(dom, device, DomainAffect.LIVE)
    await libvirt.domain.detachDeviceAlias(dom, 'ua-sda', DomainAffect.LIVE)
    assert.equal((await removed.next(message => message.dom.uuid === dom.uuid)).devAlias, 'ua-sda')
  })

  it('resizes a disk, copies it and pivots', async () => {
    open()
    const source = await image('from.img', 2 * MIB)
    const dom = await libvirt.domain.defineXMLFlags(xml('copy', disk(source, 'vda', 'virtio')))
    await libvirt.domain.createWithFlags(dom)
    await libvirt.domain.blockResize(dom, 'vda', 3 * MIB, DomainBlockResize.BYTES)
    assert.equal((await libvirt.domain.getBlockInfo(dom, 'vda')).capacity, 3 * MIB)
    assert.equal((await stat(source)).size, 3 * MIB)
    assert.equal(await libvirt.domain.getBlockJobInfo(dom, 'vda'), undefined)

    const jobs = await Heard.of(libvirt, 'blockJob2')
    const target = join(directory, 'to.img')
    const to = `<disk type='file'><driver type='raw'/><source file='${target}'/></disk>`
    const settings = { bandwidth: 2n ** 40n, granularity: 65_536, bufSize: 1_048_576n }
    await libvirt.domain.blockCopy(dom, 'vda', to, settings, 1 << 2)
    await jobs.next(({ dst, status }) => dst === 'vda' && status === DomainBlockJobStatus.READY)
    const job = await libvirt.domain.getBlockJobInfo(dom, 'vda')
    assert.equal(job?.type, DomainBlockJobType.COPY)
    assert.equal(job.cur, job.end)
    await libvirt.domain.blockJobAbort(dom, 'vda', DomainBlockJobAbort.PIVOT)
    await jobs.next(({ status }) => status === DomainBlockJobStatus.COMPLETED)
    assert.ok((await libvirt.domain.getXMLDesc(dom)).includes(target))
    const wrong = libvirt.domain.blockJobAbort(dom, 'vda', DomainBlockJobAbort.PIVOT)
    await assert.rejects(wrong, error => isLibvirtCode(error, 'INVALID_ARG', 'OPERATION_INVALID'))
  })

  it('runs a transient domain, which is gone when it ends', async () => {
    open()
    const dom = await libvirt.domain.createXML(xml('transient'), DomainStart.PAUSED)
    assert.ok(dom.id > 0)
    assert.equal(await libvirt.domain.isPersistent(dom), false)
    assert.equal(await libvirt.domain.isActive(dom), true)
    const none = libvirt.domain.managedSaveRemove(dom)
    await assert.rejects(none, error => isLibvirtCode(error, 'SYSTEM_ERROR', 'OPERATION_INVALID'))
    await libvirt.domain.destroyFlags(dom)
    await assert.rejects(libvirt.domain.isActive(dom), error => isLibvirtCode(error, 'NO_DOMAIN'))
  })

  it('keeps metadata', async () => {
    open()
    const dom = await libvirt.domain.defineXMLFlags(xml('meta'))
    const uri = 'urn:example:meta'
    const get = () => libvirt.domain.getMetadata(dom, DomainMetadata.ELEMENT, uri, DomainAffect.CONFIG)
    await assert.rejects(get(), error => isLibvirtCode(error, 'NO_DOMAIN_METADATA'))
    await libvirt.domain.setMetadata(
      dom,
      DomainMetadata.ELEMENT,
      '<note>ä</note>',
      { key: 'ex', uri },
      DomainAffect.CONFIG,
    )
    assert.equal(await get(), '<note>ä</note>')
    await libvirt.domain.setMetadata(dom, DomainMetadata.ELEMENT, undefined, { uri }, DomainAffect.CONFIG)
    await assert.rejects(get(), error => isLibvirtCode(error, 'NO_DOMAIN_METADATA'))
    await libvirt.domain.setMetadata(dom, DomainMetadata.TITLE, 'a title', {}, DomainAffect.CONFIG)
    assert.equal(await libvirt.domain.getMetadata(dom, DomainMetadata.TITLE, undefined), 'a title')
  })

  it('keeps ephemeral private secrets', async () => {
    open()
    const uuid = randomUUID()
    const definition = `<secret ephemeral='yes' private='yes'><uuid>${uuid}</uuid><usage type='volume'><volume>vol-1</volume></usage></secret>`
    const secret = await libvirt.secret.defineXML(definition)
    assert.deepEqual(secret, { uuid, usageType: SecretUsage.VOLUME, usageID: 'vol-1' })
    await libvirt.secret.setValue(secret, Buffer.from('opensesame'))
    await libvirt.secret.setValue(secret, Buffer.alloc(65_536, 7))
    await assert.rejects(libvirt.secret.setValue(secret, Buffer.alloc(65_537)), { name: 'XdrError' })
    assert.deepEqual(await libvirt.secret.lookupByUUID(uuid), secret)
    assert.deepEqual(await libvirt.secret.lookupByUsage(SecretUsage.VOLUME, 'vol-1'), secret)
    assert.deepEqual(await libvirt.connect.listAllSecrets(ListSecrets.EPHEMERAL), [secret])
    assert.deepEqual(await libvirt.connect.listAllSecrets(ListSecrets.NO_PRIVATE), [])
    assert.match(await libvirt.secret.getXMLDesc(secret), /ephemeral='yes' private='yes'/)
    await libvirt.secret.undefine(secret)
    await assert.rejects(libvirt.secret.lookupByUUID(uuid), error => isLibvirtCode(error, 'NO_SECRET'))
    const usage = libvirt.secret.lookupByUsage(SecretUsage.VOLUME, 'vol-1')
    await assert.rejects(usage, error => isLibvirtCode(error, 'NO_SECRET'))
  })

  it('answers with its own codes', async () => {
    open()
    await assert.rejects(libvirt.domain.lookupByName('nobody'), { codeName: 'NO_DOMAIN', code: 42, domainName: 'QEMU' })
    await assert.rejects(libvirt.domain.lookupByUUID(randomUUID()), { codeName: 'NO_DOMAIN' })
    await assert.rejects(libvirt.domain.defineXMLFlags('<domain'), { codeName: 'XML_DETAIL' })
    await assert.rejects(libvirt.domain.defineXMLFlags("<domain type='qemu'/>"), { codeName: 'NO_NAME' })
    const wrong = new Libvirt({ socketPath: daemon.socketPath, uri: 'nosuch:///' })
    await assert.rejects(wrong.open(), error => isLibvirtCode(error, 'NO_CONNECT', 'CONFIG_UNSUPPORTED'))
  })

  it('takes many calls at once', async () => {
    open()
    const doms = await Promise.all(
      Array.from({ length: 40 }, (_, index) => libvirt.domain.defineXMLFlags(xml(`many${index}`))),
    )
    const found = await Promise.all(doms.map(({ name }) => libvirt.domain.lookupByName(name)))
    assert.deepEqual(found, doms)
    assert.equal((await libvirt.connect.listAllDomains()).length, 40)
  })

  it('is known to be dead when it stops answering', async () => {
    libvirt = new Libvirt({ socketPath: daemon.socketPath, keepAlive: { intervalMs: 50, count: 2 } })
    await libvirt.open()
    await daemon.freeze()
    await assert.rejects(libvirt.connect.getHostname(), { reason: 'dead', sent: true })
    await daemon.thaw()
    assert.match(await libvirt.connect.getHostname(), /./)
  })

  it('may die and come back: waiting calls end, guests live, events are heard again', async () => {
    open()
    const lifecycle = await Heard.of(libvirt, 'lifecycle')
    const changes: ConnectionChange['kind'][] = []
    libvirt.onConnection(({ kind }) => changes.push(kind))
    const dom: Domain = await libvirt.domain.defineXMLFlags(xml('survivor'))
    const run = await libvirt.domain.createWithFlags(dom)

    await daemon.freeze()
    const waiting = [libvirt.domain.getXMLDesc(dom), libvirt.connect.getHostname()].map(call =>
      assert.rejects(call, { name: 'LibvirtConnectionError', reason: 'lost', sent: true }),
    )
    await daemon.kill()
    await Promise.all(waiting)
    await assert.rejects(libvirt.domain.getState(dom), { reason: 'unreachable', sent: false })

    await daemon.start()
    assert.equal((await libvirt.domain.lookupByName('survivor')).id, run.id)
    assert.deepEqual(changes, ['lost', 'reconnected'])
    // Not destroyFlags: while libvirtd still finds its guests again that one kills, and says that the domain does not run.
    await libvirt.domain.suspend(dom)
    await lifecycle.next(message => message.dom.uuid === dom.uuid && message.event === DomainEvent.SUSPENDED)
  })
})
