import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { type CommonFixture, commonCases, refused } from './conformance-common.ts'
import type { Connector } from './connector.ts'

/** A connector of files of this host, over which it makes devices. */
export interface ConnectorFixture extends CommonFixture<LocalConnectionInfo>, AsyncDisposable {
  /**
   * Puts something else at the volume's path: of the same size, smaller, or with another volume's LUKS header. `cut`: it
   * is the volume's own file, but cut off.
   */
  putForeign(info: LocalConnectionInfo, what: 'blank' | 'smaller' | 'luks' | 'cut'): Promise<void>
  /** What lies at the two volumes' paths changes places. */
  exchange(a: LocalConnectionInfo, b: LocalConnectionInfo): Promise<void>
  /** The same content at the same path, as after a restore from a backup. */
  restore(info: LocalConnectionInfo): Promise<void>
  /** Keeps a device open; the word names the holder in an error. */
  hold(path: string): Promise<{ readonly holder: string; release(): Promise<void> }>
}

const BLOCK = { asBlock: true } as const
const PLAIN = { asBlock: false } as const

/** What every connector does; run by each implementation and by the simulated twin. */
export function connectorConformance(name: string, make: () => Promise<ConnectorFixture>): void {
  describe(`connector: ${name}`, () => {
    let fixture: ConnectorFixture
    let connector: Connector<LocalConnectionInfo>
    beforeEach(async () => {
      fixture = await make()
      connector = fixture.connector
    })
    afterEach(async () => await fixture[Symbol.asyncDispose]())

    /** Refused by all three, and nothing was done. */
    const refusedByAll = async (info: LocalConnectionInfo, code: string, pattern?: RegExp) => {
      await refused(connector.check(info), code, pattern)
      await refused(connector.connect(info, PLAIN), code, pattern)
      await refused(connector.connect(info, BLOCK), code, pattern)
      assert.equal(await fixture.devices(), 0)
    }

    commonCases({
      fixture: () => fixture,
      way: BLOCK,
      listed: (info, { path }) => ({ path, over: info.data.device_path }),
    })

    it("removes no device whose words are another's", async () => {
      const info = await fixture.volume()
      const { source } = await connector.connect(info, BLOCK)
      const device = (await connector.list()).find(({ path }) => path === source.path)
      assert.ok(device)
      await refused(connector.remove({ ...device, over: '/elsewhere/file' }), 'wrong-device')
      assert.equal(await connector.disconnect(info), 'made')
    })

    it('lists the devices that stand, with whose they are and who has them open', async () => {
      const info = await fixture.volume()
      const ours = async () => (await connector.list()).filter(({ volumeId }) => volumeId === info.volume_id)
      assert.deepEqual(await ours(), [])
      const { source } = await connector.connect(info, BLOCK)
      const [found, ...more] = await ours()
      assert.deepEqual(more, [])
      assert.deepEqual([found?.path, found?.over], [source.path, info.data.device_path])
      const held = await fixture.hold(source.path)
      assert.ok((await ours())[0]?.holders.some(holder => holder.includes(held.holder)))
      await held.release()
      // Others may look in passing (udev).
      assert.ok(!(await ours())[0]?.holders.some(holder => holder.includes(held.holder)))
      await connector.disconnect(info)
      assert.deepEqual(await ours(), [])
    })

    it('removes no device that is in use, and says by whom', async () => {
      const info = await fixture.volume()
      const { source } = await connector.connect(info, BLOCK)
      const device = (await connector.list()).find(({ path }) => path === source.path)
      assert.ok(device)
      const held = await fixture.hold(source.path)
      await refused(connector.remove(device), 'busy', new RegExp(`${source.path}.*${held.holder}`))
      assert.equal(await fixture.devices(), 1)
      await held.release()
      // What was in use when it was detached may go by itself as soon as it is not.
      await connector.remove(device)
      assert.equal(await fixture.devices(), 0)
    })

    it("leaves a device alone that is another volume's by now", async () => {
      const [a, b] = [await fixture.volume(), await fixture.volume()]
      const { source } = await connector.connect(a, BLOCK)
      const before = (await connector.list()).find(({ path }) => path === source.path)
      assert.ok(before)
      assert.equal(await connector.disconnect(a), 'made')
      const next = await connector.connect(b, BLOCK)
      assert.equal(await connector.remove({ ...before, path: next.source.path }), 'already')
      assert.deepEqual(await connector.probe(b, BLOCK), next.source)
      assert.equal(await connector.disconnect(b), 'made')
    })

    it('lists devices by their numbers, and nothing for a caller who has given up', async () => {
      const infos = await Promise.all(Array.from({ length: 3 }, () => fixture.volume()))
      for (const info of infos) await connector.connect(info, BLOCK)
      const numbers = (await connector.list()).map(({ path }) => Number(/\d+$/.exec(path)?.[0]))
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      )
      const reason = new Error('enough')
      const signal = AbortSignal.abort(reason)
      await assert.rejects(connector.list(signal), error => error === reason)
      for (const device of (await connector.list()).filter(({ volumeId }) =>
        infos.some(i => i.volume_id === volumeId),
      )) {
        await assert.rejects(connector.remove(device, signal), error => error === reason)
      }
      assert.equal(await fixture.devices(), 3)
      for (const info of infos) await connector.disconnect(info)
    })

    it('a device over a file that is gone is listed as ours, and removed', async () => {
      const info = await fixture.volume()
      const { source } = await connector.connect(info, BLOCK)
      await fixture.drop(info)
      const device = (await connector.list()).find(({ path }) => path === source.path)
      assert.equal(device?.volumeId, info.volume_id)
      assert.match(device?.over ?? '', / \(deleted\)$/)
      assert.equal(device && (await connector.remove(device)), 'made')
      assert.equal(await fixture.devices(), 0)
    })

    it('gives what is there, as it is', async () => {
      for (const encrypted of [false, true]) {
        const info = await fixture.volume({ encrypted })
        const source = await connector.check(info)
        assert.deepEqual(source, {
          kind: 'file',
          path: info.data.device_path,
          sizeBytes: info.data.size_bytes,
          identity: { inode: info.data.inode, luksUuid: encrypted ? info.volume_id : undefined },
        })
        assert.deepEqual(await connector.connect(info, PLAIN), { change: 'already', source })
        assert.deepEqual(await connector.probe(info, PLAIN), source)
        assert.equal(await connector.disconnect(info), 'already')
      }
      assert.equal(await fixture.devices(), 0)
    })

    it('gives a block device where one is wanted, the same one each time, and takes it away', async () => {
      const info = await fixture.volume({ encrypted: true })
      assert.equal(await connector.probe(info, BLOCK), undefined)
      const { change, source } = await connector.connect(info, BLOCK)
      assert.deepEqual([change, source.kind, source.sizeBytes], ['made', 'block', info.data.size_bytes])
      assert.deepEqual(source.identity, { inode: info.data.inode, luksUuid: info.volume_id })
      assert.deepEqual(await connector.connect(info, BLOCK), { change: 'already', source })
      assert.deepEqual(await connector.probe(info, BLOCK), source)
      assert.equal((await connector.check(info)).kind, 'file')
      assert.equal(await fixture.devices(), 1)
      assert.equal(await connector.disconnect(info), 'made')
      assert.equal(await connector.disconnect(info), 'already')
      assert.equal(await connector.probe(info, BLOCK), undefined)
      assert.equal(await fixture.devices(), 0)
    })

    it("takes the device away although the volume's own storage has another size now (I3)", async () => {
      const info = await fixture.volume()
      await connector.connect(info, BLOCK)
      await fixture.putForeign(info, 'cut')
      await refused(connector.check(info), 'wrong-device')
      assert.equal(await connector.disconnect(info), 'made')
      assert.equal(await fixture.devices(), 0)
    })

    it('refuses what is not the volume (I2)', async () => {
      for (const what of ['blank', 'smaller', 'luks', 'cut'] as const) {
        for (const encrypted of [false, true]) {
          const info = await fixture.volume({ encrypted })
          await fixture.putForeign(info, what)
          await refusedByAll(info, 'wrong-device', new RegExp(`is not volume ${info.volume_id}`))
          await refused(connector.probe(info, PLAIN), 'wrong-device')
          assert.equal(await connector.disconnect(info), 'already')
        }
      }
    })

    it('refuses two volumes that were exchanged, says which is where, and leaves their devices (I2)', async () => {
      for (const encrypted of [false, true]) {
        const [a, b] = [await fixture.volume({ encrypted }), await fixture.volume({ encrypted })]
        await connector.connect(a, BLOCK)
        const { source } = await connector.connect(b, BLOCK)
        await fixture.exchange(a, b)
        const where = new RegExp(`the volume's own file is at ${b.data.device_path}`)
        await refused(connector.check(a), 'wrong-device', where)
        await refused(connector.connect(a, BLOCK), 'wrong-device', where)
        if (encrypted) await refused(connector.check(a), 'wrong-device', new RegExp(`header of volume ${b.volume_id}`))
        assert.equal(await connector.disconnect(a), 'already')
        assert.equal(await fixture.devices(), 2)
        await fixture.exchange(a, b)
        assert.deepEqual(await connector.probe(b, BLOCK), source)
        assert.equal(await connector.disconnect(a), 'made')
        assert.equal(await connector.disconnect(b), 'made')
      }
    })

    it('takes an encrypted volume that was restored from a backup, and no other', async () => {
      const [encrypted, plain] = [await fixture.volume({ encrypted: true }), await fixture.volume()]
      await fixture.restore(encrypted)
      await fixture.restore(plain)
      assert.equal((await connector.check(encrypted)).identity.luksUuid, encrypted.volume_id)
      assert.equal((await connector.connect(encrypted, BLOCK)).change, 'made')
      assert.equal(await connector.disconnect(encrypted), 'made')
      await refusedByAll(plain, 'wrong-device', /another file/)
    })

    it('names who keeps a device busy, and takes it away when they are gone', async () => {
      const info = await fixture.volume()
      const { source } = await connector.connect(info, BLOCK)
      const { holder, release } = await fixture.hold(source.path)
      await refused(connector.disconnect(info), 'busy', new RegExp(`${source.path}.*${holder}`))
      await release()
      await connector.disconnect(info)
      assert.equal(await fixture.devices(), 0)
    })
  })
}
