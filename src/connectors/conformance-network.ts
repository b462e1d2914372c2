import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import { type CommonFixture, commonCases, refused } from './conformance-common.ts'

/** A connector of disks that QEMU opens itself; its devices are the secrets that it gives QEMU. */
export interface NetworkConnectorFixture extends CommonFixture<RbdConnectionInfo>, AsyncDisposable {
  /** Size of each volume of this fixture, bytes. */
  readonly sizeBytes: number
  /** The image gets the LUKS header of another volume. */
  putForeign(info: RbdConnectionInfo): Promise<void>
  /** The hypervisor is restarted: what it had in memory is gone. */
  forget(): Promise<void>
  /** The same volume by monitors of which none answers, or for a user whose key the cluster refuses. */
  through(info: RbdConnectionInfo, trouble: 'silence' | 'refusal'): Promise<RbdConnectionInfo>
  /** Another volume's secret takes the usage that this volume's would have. */
  takeUsage(info: RbdConnectionInfo): Promise<void>
}

const PLAIN = { asBlock: false } as const

/** What every connector of network disks does; run by each implementation and by the simulated twin. */
export function networkConnectorConformance(
  name: string,
  make: () => Promise<NetworkConnectorFixture>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`connector of network disks: ${name}`, { skip: options.skip ?? false }, () => {
    let fixture: NetworkConnectorFixture
    beforeEach(async () => {
      fixture = await make()
    })
    afterEach(async () => await fixture[Symbol.asyncDispose]())
    const connector = () => fixture.connector
    const refusedByBoth = async (info: RbdConnectionInfo, code: string, pattern?: RegExp) => {
      await refused(connector().check(info), code, pattern)
      await refused(connector().connect(info, PLAIN), code, pattern)
      assert.equal(await fixture.devices(), 0)
    }

    commonCases({
      fixture: () => fixture,
      way: PLAIN,
      listed: (_, { path, network }) => ({
        path: new RegExp(`^libvirt secret ${network?.auth?.secretUuid}$`),
        over: path,
      }),
    })

    it('gives what QEMU needs to open the image, and no device', async () => {
      const info = await fixture.volume({ encrypted: true })
      const { source } = await connector().connect(info, PLAIN)
      const { name: image, hosts, ports, auth_username: username } = info.data
      assert.deepEqual([source.kind, source.path, source.sizeBytes], ['network', `rbd:${image}`, fixture.sizeBytes])
      assert.deepEqual(source.identity, { luksUuid: info.volume_id })
      assert.equal(source.network?.protocol, 'rbd')
      assert.equal(source.network.name, image)
      const monitors = hosts.map((host, index) => ({ name: host, port: Number(ports[index]) }))
      assert.deepEqual(source.network.hosts, monitors)
      assert.equal(source.network.auth?.username, username)
      // The volume's own id is that of the secret with its passphrase.
      assert.match(source.network.auth?.secretUuid ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assert.notEqual(source.network.auth?.secretUuid, info.volume_id)
      assert.deepEqual(await connector().check(info), source)
      await connector().disconnect(info)
      assert.deepEqual((await connector().connect(info, PLAIN)).source, source)
    })

    it('gives no block device, and says what to do', async () => {
      const info = await fixture.volume({ encrypted: true })
      await refused(connector().connect(info, { asBlock: true }), 'connector-unsupported', /LUKS2/)
      await connector().connect(info, PLAIN)
      assert.equal(await connector().probe(info, { asBlock: true }), undefined)
    })

    it('gives the key again when the hypervisor has forgotten it', async () => {
      const info = await fixture.volume()
      const { source } = await connector().connect(info, PLAIN)
      await fixture.forget()
      assert.equal(await connector().probe(info, PLAIN), undefined)
      assert.equal(await connector().disconnect(info), 'already')
      assert.deepEqual(await connector().connect(info, PLAIN), { change: 'made', source })
    })

    it('refuses what is not the volume (I2)', async () => {
      const [info, other] = [await fixture.volume({ encrypted: true }), await fixture.volume()]
      const exchanged = { ...info, data: { ...info.data, name: other.data.name } }
      const notIt = new RegExp(`is not volume ${info.volume_id}`)
      await refusedByBoth(exchanged, 'wrong-device', notIt)
      await refused(connector().probe(exchanged, PLAIN), 'wrong-device', notIt)
      assert.equal(await connector().disconnect(exchanged), 'already')
      await fixture.putForeign(info)
      await refusedByBoth(info, 'wrong-device', /found the LUKS header of volume [0-9a-f-]{36}/)
      assert.equal(await connector().disconnect(info), 'already')
    })

    it('takes an image that a migration called after another id, if the volume service says so', async () => {
      const [info, other] = [await fixture.volume(), await fixture.volume()]
      const migrated = { ...info, data: { ...info.data, name: other.data.name, name_id: other.volume_id } }
      assert.equal((await connector().connect(migrated, PLAIN)).source.path, `rbd:${other.data.name}`)
      assert.equal(await connector().disconnect(migrated), 'made')
      for (const name_id of ['', 'volume', info.volume_id]) {
        await refusedByBoth({ ...migrated, data: { ...migrated.data, name_id } }, 'wrong-device')
      }
    })

    it('lets no word through that could mean something else (I10), and tears down all the same', async () => {
      const info = await fixture.volume()
      const { name: image } = info.data
      await connector().connect(info, PLAIN)
      const hostile: readonly Partial<RbdConnectionInfo['data']>[] = [
        { name: `${image}@snap` },
        { name: `${image}:conf=/etc/shadow` },
        { name: `${image}","x":"` },
        { name: `../${image}` },
        { name: image.split('/').at(-1) ?? '' },
        { name: `a/b/${image}` },
        { hosts: ['10.0.0.1,10.0.0.2'], ports: ['6789'] },
        { hosts: ['host\nkeyring = /x'], ports: ['6789'] },
        { ports: ['0'] },
        { ports: ['6789 '] },
        { hosts: [], ports: [] },
        { auth_username: 'admin]\n[global' },
        { auth_username: '../../x' },
        { cluster_name: '../ceph' },
      ]
      for (const change of hostile) {
        const bad = { ...info, data: { ...info.data, ...change } }
        await refused(connector().check(bad), 'unsafe-name')
        await refused(connector().connect(bad, PLAIN), 'unsafe-name')
        await refused(connector().probe(bad, PLAIN), 'unsafe-name')
      }
      assert.equal(await connector().disconnect({ ...info, data: { ...info.data, ...hostile[0] } }), 'made')
    })

    it('refuses connection info that is not whole', async () => {
      const info = await fixture.volume()
      for (const change of [{ ports: [] }, { auth_username: undefined }]) {
        await refusedByBoth({ ...info, data: { ...info.data, ...change } }, 'connection-info-incomplete')
      }
    })

    it('says that no monitor answers, and where it asked', async () => {
      const info = await fixture.through(await fixture.volume(), 'silence')
      const where = new RegExp(`${info.data.hosts[0]}:${info.data.ports[0]}`)
      await refused(connector().check(info), 'storage-unreachable', where)
      await refused(connector().connect(info, PLAIN), 'storage-unreachable', where)
      assert.equal(await connector().probe(info, PLAIN), undefined)
      assert.equal(await connector().disconnect(info), 'already')
      assert.equal(await fixture.devices(), 0)
    })

    it('says that the key is refused, and whose', async () => {
      const info = await fixture.through(await fixture.volume(), 'refusal')
      await refusedByBoth(info, 'storage-forbidden', new RegExp(`'${info.data.auth_username}'`))
    })

    it('leaves a secret alone that has its usage and is not of its making', async () => {
      const info = await fixture.volume()
      await fixture.takeUsage(info)
      await refused(connector().check(info), 'secret-foreign')
      await refused(connector().connect(info, PLAIN), 'secret-foreign')
      assert.equal(await connector().probe(info, PLAIN), undefined)
      assert.equal(await connector().disconnect(info), 'already')
    })
  })
}
