import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { networkConnectorConformance } from '#src/connectors/conformance-network.ts'
import { networkDiskOf, usageOf, volumeOfSecret } from '#src/connectors/rbd/network-disk.ts'
import { RbdConnector } from '#src/connectors/rbd/rbd-connector.ts'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { encryptorConformance } from '#src/encryptors/conformance.ts'
import { NativeEncryptor } from '#src/encryptors/native/native-encryptor.ts'
import { headOf, makeLuksFile, spoilLuks } from '#src/encryptors/test-volumes.ts'
import { CephKeys } from '#src/host/ceph/keys.ts'
import { RbdImages } from '#src/host/ceph/rbd-images.ts'
import { luksSetUuid } from '#src/host/cryptsetup.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { RbdHeads } from '#src/host/source-head.ts'
import { Libvirt, LibvirtSecrets, readSecretValue } from '#src/libvirt/index.ts'
import { type PrivateLibvirtd, startPrivateLibvirtd } from '../libvirtd.ts'
import { type Lab, openstackLab } from './cloud.ts'
import { LabImages, openSealer } from './rbd-fixture.ts'

const SIZE = 8 * MIB
const host = createNodeHost({ name: 'compute-1' })

/** A real Ceph, a real libvirt; images that Cinder knows nothing of. */
describe('RBD images of a real Ceph', { timeout: 300_000 }, () => {
  let lab: Lab
  let folder: string
  let daemon: PrivateLibvirtd
  let libvirt: Libvirt
  let images: LabImages
  const servers: Server[] = []
  before(async () => {
    lab = await openstackLab()
    if (!lab.ceph) throw new Error('this cloud has no Ceph')
    folder = await mkdtemp(join(tmpdir(), 'hf-'))
    daemon = await startPrivateLibvirtd({ dir: folder })
    libvirt = new Libvirt({ socketPath: daemon.socketPath })
    images = new LabImages(host, lab.ceph, libvirt)
  })
  after(async () => {
    await libvirt?.close()
    await daemon?.stop()
    await rm(folder, { recursive: true, force: true })
    await lab?.stop()
  })

  const clean = async () => {
    for (const secret of await libvirt.connect.listAllSecrets()) await libvirt.secret.undefine(secret)
    await images.removeAll()
    for (const server of servers.splice(0)) server.close()
  }
  /** An image with a LUKS1 header whose UUID is the volume's id. */
  const encrypted = async () => {
    const request = await makeLuksFile(host, folder, 1)
    await images.import(request.volumeId, request.source.path)
    await host.files.remove(request.source.path)
    return request
  }

  /** The port of somebody who takes connections and says nothing. */
  const silence = async (): Promise<number> => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  networkConnectorConformance('images of a real Ceph', async () => {
    const secrets = new LibvirtSecrets(libvirt, 'ceph')
    const create = () => new RbdConnector(host, { secrets, keys: images.keys, images: images.images })
    return {
      connector: create(),
      sizeBytes: SIZE,
      async volume(options = {}) {
        const access_mode = options.readonly ? 'ro' : 'rw'
        if (options.encrypted) {
          const { volumeId } = await encrypted()
          return await images.info(volumeId, { encrypted: true, luks_uuid: volumeId, access_mode })
        }
        const id = host.random.uuid()
        await images.create(id, SIZE)
        return await images.info(id, { access_mode })
      },
      drop: info => images.remove(info.volume_id),
      async foreign() {
        const uuid = host.random.uuid()
        await secrets.define({ uuid, usage: 'client.glance', description: 'of somebody else' })
        return { path: `libvirt secret ${uuid}`, over: 'client.glance' }
      },
      devices: async () => (await secrets.list()).filter(secret => volumeOfSecret(secret) !== undefined).length,
      restart: async () => create(),
      putForeign: info => images.edit(info.volume_id, path => luksSetUuid(host, path, host.random.uuid())),
      async forget() {
        await daemon.kill()
        await daemon.start()
      },
      async through(info, trouble) {
        if (trouble === 'silence') return { ...info, data: { ...info.data, ports: [String(await silence())] } }
        // A key as it should be, but nobody's.
        const key = Buffer.concat([Buffer.from('010000000000000000001000', 'hex'), Buffer.alloc(16, 7)])
        const text = new Secret(Buffer.from(`[client.cinder]\n\tkey = ${key.toString('base64')}\n`))
        const keyring = await openSealer.seal(text, `${info.volume_id}/keyring`)
        return { ...info, data: { ...info.data, keyring } }
      },
      takeUsage: info =>
        secrets.define({ uuid: host.random.uuid(), usage: usageOf(info.volume_id), description: 'of somebody else' }),
      [Symbol.asyncDispose]: clean,
    }
  })

  encryptorConformance('LUKS by QEMU itself, over images of a real Ceph', { mappings: false }, async () => {
    const secrets = new LibvirtSecrets(libvirt, 'volume')
    const create = () => new NativeEncryptor(host, secrets, new RbdHeads(images.images))
    const cephSecrets = new LibvirtSecrets(libvirt, 'ceph')
    const connector = new RbdConnector(host, { secrets: cephSecrets, keys: images.keys, images: images.images })
    return {
      encryptor: create(),
      async volume() {
        const request = await encrypted()
        return { ...request, source: await connector.check(await images.info(request.volumeId, { encrypted: true })) }
      },
      spoil: ({ volumeId }, how) => images.edit(volumeId, path => spoilLuks(host, path, how)),
      head: ({ source }) => new RbdHeads(images.images).with(source, path => headOf(host, path)),
      drop: ({ volumeId }) => images.remove(volumeId),
      restart: async () => create(),
      [Symbol.asyncDispose]: clean,
    }
  })

  describe('the key of their user', () => {
    const connect = async (folderOf: string, change: Partial<RbdConnectionInfo['data']>) => {
      const readSecret = (uuid: string) => readSecretValue(libvirt, uuid)
      const keys = new CephKeys(host, { folder: folderOf, sealer: openSealer, readSecret })
      const parts = { keys, images: new RbdImages(host, keys, { connectSeconds: 2 }) }
      const id = host.random.uuid()
      await images.create(id, SIZE)
      const info = await images.info(id, change)
      const connector = new RbdConnector(host, { secrets: new LibvirtSecrets(libvirt, 'ceph'), ...parts })
      return (await connector.connect(info, { asBlock: false })).source.sizeBytes
    }
    afterEach(clean)

    it('is that of the secret that the operator keeps, if nothing is nearer', async () => {
      const uuid = host.random.uuid()
      const xml = `<secret ephemeral='no' private='no'><uuid>${uuid}</uuid><usage type='ceph'><name>client.cinder</name></usage></secret>`
      const nowhere = join(folder, 'nowhere')
      await assert.rejects(connect(nowhere, { secret_uuid: uuid }), (error: HoldfastError) => {
        assert.equal(error.code, 'ceph-key-missing')
        assert.match(error.details.hint ?? '', /nowhere\/ceph\.client\.cinder\.keyring/)
        return true
      })
      const theirs = await libvirt.secret.defineXML(xml)
      using key = await images.keys.of(networkDiskOf(await images.info(host.random.uuid())))
      await libvirt.secret.setValue(theirs, key.reveal())
      assert.equal(await connect(nowhere, { secret_uuid: uuid }), SIZE)
      assert.deepEqual(await libvirt.secret.lookupByUUID(uuid), theirs)
    })
  })
})
