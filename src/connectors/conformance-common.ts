import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type { DiskSource } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Connector } from './connector.ts'

/** A connector on a host, and storage, that can be tampered with. */
export interface CommonFixture<Info extends ConnectionInfo> {
  readonly connector: Connector<Info>
  /** Storage of a new volume, its LUKS UUID its id if it is encrypted, and the connection info for this host. */
  volume(options?: { encrypted?: boolean; readonly?: boolean }): Promise<Info>
  /** Takes the storage away. */
  drop(info: Info): Promise<void>
  /** Somebody else's device, over what is no volume of ours. */
  foreign(): Promise<{ readonly path: string; readonly over: string }>
  /** How many devices of this host are there for volumes of this fixture. */
  devices(): Promise<number>
  /** Another connector, as after the process died. */
  restart(): Promise<Connector<Info>>
}

export interface CommonUse<Info extends ConnectionInfo> {
  readonly fixture: () => CommonFixture<Info>
  /** How volumes are connected here, so that something is made of it. */
  readonly way: { readonly asBlock: boolean }
  /** What `list` says of the device of a connected volume. */
  readonly listed: (info: Info, source: DiskSource) => { readonly path: string | RegExp; readonly over: string }
}

/** For `assert.rejects`: refused with this code, and these words. */
export const refused = async (work: Promise<unknown>, code: string, pattern = /./) =>
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, pattern)
    return true
  })

/** What every connector does, whatever its devices are. */
export function commonCases<Info extends ConnectionInfo>({ fixture, way, listed }: CommonUse<Info>): void {
  const connector = () => fixture().connector
  const ofVolume = async ({ volume_id }: Info) =>
    (await connector().list()).filter(({ volumeId }) => volumeId === volume_id)
  const refusedByBoth = async (info: Info, code: string, pattern?: RegExp) => {
    await refused(connector().check(info), code, pattern)
    await refused(connector().connect(info, way), code, pattern)
    assert.equal(await fixture().devices(), 0)
  }

  it('connects a volume and finds it again, the same each time, and takes it away; each verb twice (I3)', async () => {
    for (const encrypted of [false, true]) {
      const info = await fixture().volume({ encrypted })
      assert.equal(await connector().probe(info, way), undefined)
      const { change, source } = await connector().connect(info, way)
      assert.equal(change, 'made')
      assert.deepEqual(await connector().connect(info, way), { change: 'already', source })
      assert.deepEqual(await connector().probe(info, way), source)
      assert.equal(source.identity.luksUuid, encrypted ? info.volume_id : undefined)
      assert.equal((await connector().check(info)).sizeBytes, source.sizeBytes)
      assert.equal(await fixture().devices(), 1)
      assert.equal(await connector().disconnect(info), 'made')
      assert.equal(await connector().disconnect(info), 'already')
      assert.equal(await connector().probe(info, way), undefined)
      assert.equal(await fixture().devices(), 0)
    }
  })

  it('lists what stands, and whose it is', async () => {
    const info = await fixture().volume()
    assert.deepEqual(await ofVolume(info), [])
    const { source } = await connector().connect(info, way)
    const [found, ...more] = await ofVolume(info)
    const expected = listed(info, source)
    assert.deepEqual(more, [])
    assert.equal(found?.over, expected.over)
    if (typeof expected.path === 'string') assert.equal(found.path, expected.path)
    else assert.match(found.path, expected.path)
    await connector().disconnect(info)
    assert.deepEqual(await ofVolume(info), [])
  })

  it('removes what it listed, once', async () => {
    const info = await fixture().volume()
    await connector().connect(info, way)
    const [device] = await ofVolume(info)
    assert.ok(device)
    assert.equal(await connector().remove(device), 'made')
    assert.equal(await connector().remove(device), 'already')
    assert.equal(await fixture().devices(), 0)
  })

  it("lists somebody else's device as nobody's of ours, and leaves it alone", async () => {
    const { path, over } = await fixture().foreign()
    const found = async () => (await connector().list()).find(device => device.path === path)
    const device = await found()
    assert.ok(device)
    assert.deepEqual([device.volumeId, device.over], [undefined, over])
    await refused(connector().remove(device), 'wrong-device', new RegExp(path))
    const { volume_id } = await fixture().volume()
    await refused(connector().remove({ ...device, volumeId: volume_id }), 'wrong-device')
    assert.equal((await found())?.over, over)
  })

  it('keeps two volumes apart', async () => {
    const [a, b] = [await fixture().volume(), await fixture().volume({ readonly: true })]
    const [first, second] = await Promise.all([connector().connect(a, way), connector().connect(b, way)])
    assert.notEqual(first.source.path, second.source.path)
    assert.equal(await connector().disconnect(a), 'made')
    assert.deepEqual(await connector().probe(b, way), second.source)
    assert.equal(await connector().disconnect(b), 'made')
  })

  it('finds and takes away what a process that died had made (I4)', async () => {
    const info = await fixture().volume()
    const { source } = await connector().connect(info, way)
    const next = await fixture().restart()
    assert.deepEqual(await next.connect(info, way), { change: 'already', source })
    assert.equal(await next.disconnect(info), 'made')
    assert.equal(await fixture().devices(), 0)
  })

  it('says when the storage is not there, and has nothing to take away', async () => {
    const info = await fixture().volume()
    await fixture().drop(info)
    await refusedByBoth(info, 'storage-absent', new RegExp(info.volume_id))
    assert.equal(await connector().probe(info, { asBlock: false }), undefined)
    assert.equal(await connector().disconnect(info), 'already')
  })

  it('takes the device away although the storage below it is gone (I3)', async () => {
    const info = await fixture().volume()
    await connector().connect(info, way)
    await fixture().drop(info)
    assert.equal(await connector().probe(info, way), undefined)
    assert.equal(await connector().disconnect(info), 'made')
    assert.equal(await connector().disconnect(info), 'already')
    assert.equal(await fixture().devices(), 0)
  })

  it('refuses connection info of another host', async () => {
    const info = { ...(await fixture().volume()), host: 'elsewhere' }
    await refusedByBoth(info, 'wrong-host', /elsewhere/)
    await refused(connector().disconnect(info), 'wrong-host')
  })

  it('does nothing for a caller who has given up', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    const info = await fixture().volume()
    await assert.rejects(connector().connect(info, way, signal), error => error === reason)
    assert.equal(await fixture().devices(), 0)
    await assert.rejects(connector().list(signal), error => error === reason)
  })
}
