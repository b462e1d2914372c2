import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RbdConnector } from '#src/connectors/rbd/rbd-connector.ts'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import { passphraseOf, Secret } from '#src/core/secret.ts'
import { GIB } from '#src/core/sizes.ts'
import type { UnlockRequest } from '#src/encryptors/encryptor.ts'
import { NativeEncryptor } from '#src/encryptors/native/native-encryptor.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { RbdHeads } from '#src/host/source-head.ts'
import type { DomainDisk, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { LibvirtHypervisor } from '#src/hypervisor/libvirt/libvirt-hypervisor.ts'
import { Libvirt, LibvirtSecrets } from '#src/libvirt/index.ts'
import { GUEST_KERNEL_ARGUMENTS, type GuestImage, packGuest } from '../../tools/guest/pack-guest.ts'
import { consoleSize, waitForConsoleLine } from '../../tools/quickstart/console-log.ts'
import { type PrivateLibvirtd, startPrivateLibvirtd } from '../libvirtd.ts'
import { type Lab, openstackLab } from './cloud.ts'
import { imageOf, LabImages } from './rbd-fixture.ts'
import { logIn, Rest } from './rest.ts'

const USER = 'alt'
const MARKER = 'through-librbd'
const LONG = { deadlineMs: 90_000 }
const host = createNodeHost({ name: 'compute-1' })

interface CinderVolume {
  readonly id: string
  readonly status: string
}

/** Volumes of a real Cinder, keys of a real Barbican, images of a real Ceph, QEMU under a real libvirt. */
describe('a guest with disks of a real Ceph', { timeout: 300_000 }, () => {
  let lab: Lab
  let folder: string
  let daemon: PrivateLibvirtd
  let libvirt: Libvirt
  let images: LabImages
  let cinder: Rest
  let guest: GuestImage
  let connector: RbdConnector
  let encryptor: NativeEncryptor
  let hypervisor: LibvirtHypervisor
  const made: string[] = []

  before(async () => {
    lab = await openstackLab()
    if (!lab.ceph) throw new Error('this cloud has no Ceph')
    folder = await mkdtemp(join(tmpdir(), 'hf-'))
    await chmod(folder, 0o755)
    daemon = await startPrivateLibvirtd({ dir: folder })
    libvirt = new Libvirt({ socketPath: daemon.socketPath })
    images = new LabImages(host, lab.ceph, libvirt)
    const parts = { keys: images.keys, images: images.images }
    connector = new RbdConnector(host, { secrets: new LibvirtSecrets(libvirt, 'ceph'), ...parts })
    encryptor = new NativeEncryptor(host, new LibvirtSecrets(libvirt, 'volume'), new RbdHeads(images.images))
    hypervisor = new LibvirtHypervisor({ host, libvirt, domainType: 'qemu' })
    guest = await packGuest({ outDir: join(folder, 'image') })
    const { token, projectId } = await tokenOf(USER)
    // Attachments of instances are given up by services alone.
    const { token: service } = await tokenOf('nova')
    const headers = { 'OpenStack-API-Version': 'volume 3.44', 'X-Service-Token': service }
    cinder = new Rest(`${lab.endpoints['block-storage']}/${projectId}`, token, headers)
  })
  after(async () => {
    await libvirt?.close()
    await daemon?.stop()
    for (const path of made.toReversed()) await cinder.delete(path)
    await rm(folder, { recursive: true, force: true })
    await lab?.stop()
  })

  async function tokenOf(name: string) {
    const { password = '', project = '' } = lab.users[name] ?? {}
    return await logIn(lab.authUrl, { name, password, project })
  }

  async function volume(type: string): Promise<RbdConnectionInfo> {
    const name = `rbd-guest-${type}`
    const body = { volume: { name, size: 1, volume_type: type } }
    const { id } = ((await cinder.post('/volumes', body)) as { volume: CinderVolume }).volume
    made.push(`/volumes/${id}`)
    await until(async () => {
      const { status } = ((await cinder.get(`/volumes/${id}`)) as { volume: CinderVolume }).volume
      assert.ok(status === 'creating' || status === 'available', status)
      return status === 'available'
    })
    const ours = {
      host: host.name,
      ip: '127.0.0.1',
      initiator: 'iqn.2026-01.test:a',
      platform: 'x86_64',
      os_type: 'linux',
    }
    const attachment = { volume_uuid: id, instance_uuid: host.random.uuid(), connector: { ...ours, multipath: false } }
    const reply = (await cinder.post('/attachments', { attachment })) as { attachment: Attached }
    made.push(`/attachments/${reply.attachment.id}`)
    const { connection_info: data } = reply.attachment
    return { driver_volume_type: 'rbd', volume_id: id, host: host.name, data: { ...data, multiattach: false } }
  }

  interface Attached {
    readonly id: string
    readonly connection_info: RbdConnectionInfo['data']
  }

  async function keyOf(id: string): Promise<Secret> {
    const { token } = await tokenOf(USER)
    const headers = { 'X-Auth-Token': token, accept: 'application/octet-stream' }
    const reply = await fetch(`${lab.endpoints['key-manager']}/v1/secrets/${id}/payload`, { headers })
    assert.equal(reply.status, 200)
    return new Secret(new Uint8Array(await reply.arrayBuffer()))
  }

  /** Connected, and unlocked if it is encrypted: as the engine does it. */
  async function up(info: RbdConnectionInfo, target: string): Promise<DomainDisk> {
    const volumeId = info.volume_id
    const { source } = await connector.connect(info, { asBlock: false })
    const { kind, path, network, sizeBytes } = source
    const common = { volumeId, target, readonly: false, shareable: false, discard: true }
    if (!info.data.encrypted) return { ...common, source: { mechanism: 'none', kind, path, network, sizeBytes } }
    const found = (await cinder.get(`/volumes/${volumeId}/encryption`)) as {
      encryption_key_id: string
      cipher: string
      key_size: number
    }
    const { encryption_key_id: keyId, cipher, key_size: keySize } = found
    const encryption = { provider: 'luks', controlLocation: 'front-end', cipher, keySize, keyId } as const
    const request: UnlockRequest = { volumeId, source, encryption }
    using key = await keyOf(keyId)
    using passphrase = passphraseOf(key)
    await encryptor.check(request, passphrase)
    const { view } = await encryptor.unlock(request, passphrase)
    assert.deepEqual(await encryptor.probe(request), view)
    return { ...common, source: view }
  }

  const specOf = (disks: readonly DomainDisk[], words: string): DomainSpec => ({
    id: ID,
    name: 'rbd-guest',
    memoryMib: 128,
    cpus: 1,
    kernel: { image: guest.kernel, initrd: guest.initrd, append: `${GUEST_KERNEL_ARGUMENTS} ${words}` },
    disks,
    interfaces: [],
    consoleLog: join(folder, 'console.log'),
  })
  const ID = host.random.uuid()

  async function boots(spec: DomainSpec, pattern: RegExp): Promise<void> {
    const from = await consoleSize(spec.consoleLog)
    await hypervisor.check(spec)
    await hypervisor.define(spec)
    await hypervisor.start(spec.id)
    await says(spec, from, pattern)
  }
  const says = async (spec: DomainSpec, from: number, pattern: RegExp) =>
    await waitForConsoleLine(spec.consoleLog, from, pattern, AbortSignal.timeout(LONG.deadlineMs))

  it('writes to one that QEMU decrypts, finds it again, and gets and gives back another while it runs', async () => {
    const [secret, plain] = [await volume('ceph-luks'), await volume('ceph')]
    const first = await up(secret, 'vda')
    assert.equal(first.source.mechanism, 'native')
    // Cinder makes such an image larger than the volume, by the header.
    assert.equal(first.source.sizeBytes, GIB)
    const whole = (await connector.check(secret)).sizeBytes
    assert.ok(whole > GIB && whole < GIB + 5 * 2 ** 20)
    const writing = specOf([first], `holdfast.write=${MARKER}`)
    await boots(writing, new RegExp(`wrote marker ${MARKER} to vda`))
    assert.ok(!(await contentOf(secret)).includes(MARKER), 'the marker is not in the image as plain text')

    // The image is looked at while the guest has it open, and hears nothing of it.
    assert.equal((await connector.check(secret)).sizeBytes, whole)
    assert.equal((await connector.connect(secret, { asBlock: false })).change, 'already')

    const second = await up(plain, 'vdb')
    const from = await consoleSize(writing.consoleLog)
    assert.equal(await hypervisor.present(ID, second, LONG), 'made')
    assert.equal(await hypervisor.present(ID, second, LONG), 'already')
    await says(writing, from, new RegExp(`wrote marker ${MARKER} to vdb`))
    assert.ok((await contentOf(plain)).includes(MARKER))
    const disks = (await hypervisor.observe(ID))?.liveDisks ?? []
    assert.deepEqual(
      disks.map(({ path, secretUuid, authSecretUuid }) => [path, secretUuid, authSecretUuid]),
      [first, second].map(({ source }) => [source.path, source.secretUuid, source.network?.auth?.secretUuid]),
    )
    assert.equal(await hypervisor.withdraw(ID, second.volumeId, LONG), 'made')
    await says(writing, from, /disk vdb gone/)
    assert.equal(await connector.disconnect(plain), 'made')

    await hypervisor.destroy(ID, LONG)
    const reading = specOf([await up(secret, 'vda')], '')
    await boots(reading, new RegExp(`disk vda serial=\\S+ marker=${MARKER}`))
    await grown(secret, reading)

    await hypervisor.destroy(ID, LONG)
    await daemon.kill()
    await daemon.start()
    await assert.rejects(hypervisor.start(ID), /secret/i)
    await boots(specOf([await up(secret, 'vda')], ''), new RegExp(`marker=${MARKER}`))
    await hypervisor.destroy(ID, LONG)
    await hypervisor.undefine(ID, { forget: true })
    assert.equal(await encryptor.lock({ volumeId: secret.volume_id }), 'made')
    assert.equal(await connector.disconnect(secret), 'made')
    assert.deepEqual(await libvirt.connect.listAllSecrets(), [])
  })

  /** The storage grows below a running guest: told the size without the header, QEMU leaves the image as large as it is. */
  async function grown(info: RbdConnectionInfo, spec: DomainSpec): Promise<void> {
    await images.rbd('resize', '--no-progress', '--size', '2G', imageOf(info.volume_id))
    const after = await up(info, 'vda')
    assert.ok(after.source.sizeBytes > 2 * GIB - 5 * 2 ** 20 && after.source.sizeBytes < 2 * GIB)
    await hypervisor.resize(spec.id, info.volume_id, after.source.sizeBytes)
    assert.equal((await connector.check(info)).sizeBytes, 2 * GIB)
  }

  /** The head of the image as it lies in the cluster; the marker is in its first two MiB of data, after a header of two. */
  async function contentOf(info: RbdConnectionInfo): Promise<string> {
    const { network, sizeBytes } = await connector.check(info)
    assert.ok(network)
    const read = async (path: string) => await host.files.readAt(path, 0, 4 * 2 ** 20)
    return Buffer.from(await images.images.withHead(network, sizeBytes, read)).toString('latin1')
  }
})

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await sleep(300)
}
