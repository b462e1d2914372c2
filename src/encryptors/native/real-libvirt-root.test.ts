import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type PrivateLibvirtd, startPrivateLibvirtd } from '#lab/libvirtd.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { Libvirt, LibvirtSecrets, readSecretValue } from '#src/libvirt/index.ts'
import { encryptorConformance } from '../conformance.ts'
import { headOf, makeLuksFile, spoilLuks } from '../test-volumes.ts'
import { NativeEncryptor } from './native-encryptor.ts'

const skip = process.getuid?.() === 0 ? false : 'needs root, for a libvirtd of its own'
const host = createNodeHost()

describe('secrets of a real libvirt', { skip }, () => {
  let dir: string
  let daemon: PrivateLibvirtd
  let libvirt: Libvirt
  let secrets: LibvirtSecrets
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hf-'))
    daemon = await startPrivateLibvirtd({ dir })
    libvirt = new Libvirt({ socketPath: daemon.socketPath })
    secrets = new LibvirtSecrets(libvirt, 'volume')
  })
  after(async () => {
    await libvirt.close()
    await daemon.stop()
    await rm(dir, { recursive: true, force: true })
  })

  encryptorConformance('LUKS by QEMU itself, with libvirt', { mappings: false }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-native-'))
    return {
      encryptor: new NativeEncryptor(host, secrets),
      volume: async () => await makeLuksFile(host, folder, 1),
      spoil: async ({ source }, how) => await spoilLuks(host, source.path, how),
      head: async ({ source }) => await headOf(host, source.path),
      drop: async ({ source }) => {
        await host.files.remove(source.path)
      },
      restart: async () => new NativeEncryptor(host, new LibvirtSecrets(libvirt, 'volume')),
      [Symbol.asyncDispose]: async () => {
        for (const secret of await libvirt.connect.listAllSecrets()) await libvirt.secret.undefine(secret)
        await rm(folder, { recursive: true })
      },
    }
  })

  const uuid = '00000000-0000-4000-8000-00000000000a'
  const other = '00000000-0000-4000-8000-00000000000b'
  const secret = { uuid, usage: `a <volume> & "more"`, description: 'Holdfast: <test> & more' }
  const value = new TextEncoder().encode('6f70656e')

  it('have a value only once it was given, are in memory only, and cannot be read back', async () => {
    assert.equal(await secrets.lookupByUsage(secret.usage), undefined)
    await secrets.define(secret)
    assert.deepEqual(await secrets.lookupByUsage(secret.usage), { uuid, hasValue: false })
    await secrets.setValue(uuid, value)
    assert.deepEqual(await secrets.lookupByUsage(secret.usage), { uuid, hasValue: true })
    await secrets.define(secret)
    assert.deepEqual(await secrets.lookupByUsage(secret.usage), { uuid, hasValue: true })
    const xml = await libvirt.secret.getXMLDesc(await libvirt.secret.lookupByUUID(uuid))
    assert.match(xml, /ephemeral='yes' private='yes'/)
    assert.ok(xml.includes('<description>Holdfast: &lt;test&gt; &amp; more</description>'), xml)
    assert.equal(await secrets.undefine(uuid), true)
    assert.equal(await secrets.undefine(uuid), false)
  })

  it('of a Ceph user are apart from those of volumes, and are private too', async () => {
    const ceph = new LibvirtSecrets(libvirt, 'ceph')
    await secrets.define(secret)
    await ceph.define({ ...secret, uuid: other })
    await ceph.setValue(other, value)
    assert.deepEqual(await ceph.lookupByUsage(secret.usage), { uuid: other, hasValue: true })
    assert.deepEqual(await secrets.lookupByUsage(secret.usage), { uuid, hasValue: false })
    assert.deepEqual(await ceph.list(), [{ ...secret, uuid: other }])
    const xml = await libvirt.secret.getXMLDesc(await libvirt.secret.lookupByUUID(other))
    assert.match(xml, /ephemeral='yes' private='yes'/)
    assert.match(xml, /<usage type='ceph'>\s*<name>/)
    await assert.rejects(ceph.define({ ...secret, usage: 'x' }), error => hasCode(error, 'secret-foreign'))
    for (const one of [uuid, other]) assert.equal(await ceph.undefine(one), true)
  })

  it('of others can be read unless they are private or empty', async () => {
    const operators = `<secret ephemeral='no' private='no'><uuid>${other}</uuid><usage type='ceph'><name>client.x</name></usage></secret>`
    assert.equal(await readSecretValue(libvirt, other), undefined)
    const theirs = await libvirt.secret.defineXML(operators)
    assert.equal(await readSecretValue(libvirt, other), undefined)
    await libvirt.secret.setValue(theirs, value)
    assert.deepEqual((await readSecretValue(libvirt, other))?.reveal(), value)
    await secrets.define(secret)
    await secrets.setValue(uuid, value)
    assert.equal(await readSecretValue(libvirt, uuid), undefined)
    await secrets.undefine(uuid)
    await libvirt.secret.undefine(theirs)
  })

  it('are refused where another secret has the UUID or the usage, which stays', async () => {
    await secrets.define(secret)
    const others = [
      { ...secret, usage: 'another' },
      { ...secret, uuid: '00000000-0000-4000-8000-00000000000b' },
    ]
    for (const wanted of others) {
      await assert.rejects(secrets.define(wanted), (error: HoldfastError) => {
        assert.equal(error.code, 'secret-foreign')
        assert.ok(error.message.includes(uuid), error.message)
        return true
      })
    }
    assert.deepEqual(await secrets.lookupByUsage(secret.usage), { uuid, hasValue: false })
    await secrets.undefine(uuid)
  })

  it('are gone with the daemon, and an unanswered call says so', async () => {
    await secrets.define(secret)
    await secrets.setValue(uuid, value)
    await daemon.kill()
    await assert.rejects(secrets.lookupByUsage(secret.usage), error => hasCode(error, 'hypervisor-unavailable'))
    await daemon.start()
    assert.equal(await secrets.lookupByUsage(secret.usage), undefined)
    const missing = (error: unknown) => error instanceof HoldfastError && error.code === 'hypervisor-error'
    await assert.rejects(secrets.setValue(uuid, value), missing)
  })
})
