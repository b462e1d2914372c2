import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import type { Nic, NicSpec } from './nic.ts'

export interface NicFixture extends AsyncDisposable {
  readonly nic: Nic
  /** A bridge that is there. */
  readonly bridge: string
  /** A name of an interface that is not there. */
  readonly free: string
  /** Leaves a tap behind, or puts something else under this name. */
  add(name: string, kind: 'tap' | 'other'): Promise<void>
  /** Puts the tap of this name on the bridge. */
  enslave(name: string): Promise<void>
  has(name: string): Promise<boolean>
}

/** What every plugger of interfaces does; run by each implementation and by the simulated twin. */
export function nicConformance(name: string, make: () => Promise<NicFixture>): void {
  describe(`network interface: ${name}`, () => {
    let fixture: NicFixture
    let nic: Nic
    let spec: NicSpec
    beforeEach(async () => {
      fixture = await make()
      nic = fixture.nic
      spec = { portId: 'port-1', bridge: fixture.bridge, tap: fixture.free, mac: '52:54:00:00:00:01' }
    })
    afterEach(async () => await fixture[Symbol.asyncDispose]())

    const refused = async (work: Promise<unknown>, code: string) =>
      await assert.rejects(work, error => {
        assert.ok(hasCode(error, code), String(error))
        return true
      })

    it('lists taps, and nothing else', async () => {
      const named = async (name: string) => (await nic.list()).filter(tap => tap.name === name)
      assert.deepEqual(await named(fixture.free), [])
      await fixture.add(fixture.free, 'tap')
      assert.deepEqual(await named(fixture.free), [{ name: fixture.free }])
      assert.deepEqual(await named(fixture.bridge), [])
      await fixture.enslave(fixture.free)
      assert.deepEqual(await named(fixture.free), [{ name: fixture.free, bridge: fixture.bridge }])
      await nic.unplug(spec)
      assert.deepEqual(await named(fixture.free), [])
      await fixture.add(fixture.free, 'other')
      assert.deepEqual(await named(fixture.free), [])
    })

    it('lists taps in the order of their names', async () => {
      const names = [`${fixture.free}b`, fixture.free, `${fixture.free}a`]
      for (const name of names) await fixture.add(name, 'tap')
      const found = (await nic.list()).map(({ name }) => name).filter(name => names.includes(name))
      for (const tap of names) await nic.unplug({ ...spec, tap })
      assert.deepEqual(found, names.toSorted())
    })

    it('lists nothing for a caller who has given up', async () => {
      const reason = new Error('enough')
      await assert.rejects(nic.list(AbortSignal.abort(reason)), error => error === reason)
    })

    it('plugs and unplugs, each twice', async () => {
      await nic.check(spec)
      await nic.plug(spec)
      assert.equal(await nic.plug(spec), 'already')
      await nic.unplug(spec)
      assert.equal(await nic.unplug(spec), 'already')
    })

    it('removes a tap that was left over, once', async () => {
      await fixture.add(spec.tap, 'tap')
      await nic.check(spec)
      assert.equal(await nic.unplug(spec), 'made')
      assert.equal(await fixture.has(spec.tap), false)
      assert.equal(await nic.unplug(spec), 'already')
    })

    it('refuses a bridge that is not there, and what is no bridge; unplugging needs none', async () => {
      const absent = { ...spec, bridge: 'hf-absent' }
      await refused(nic.check(absent), 'bridge-not-found')
      await refused(nic.plug(absent), 'bridge-not-found')
      assert.equal(await nic.unplug(absent), 'already')
      await fixture.add(spec.tap, 'tap')
      await refused(nic.check({ ...spec, bridge: spec.tap }), 'bridge-not-found')
    })

    it('leaves alone what has its name and is no tap', async () => {
      await fixture.add(spec.tap, 'other')
      assert.equal(await nic.unplug(spec), 'already')
      assert.equal(await fixture.has(spec.tap), true)
      await refused(nic.check(spec), 'interface-foreign')
    })

    it('refuses names that no interface can have (I10)', async () => {
      for (const wrong of ['', '..', 'a/b', '-n', 'a b', 'sixteen-letters-', '../../x']) {
        await refused(nic.check({ ...spec, bridge: wrong }), 'invalid-name')
        await refused(nic.unplug({ ...spec, tap: wrong }), 'invalid-name')
      }
    })

    it('does nothing for a caller who has given up', async () => {
      const reason = new Error('enough')
      await fixture.add(spec.tap, 'tap')
      await assert.rejects(nic.unplug(spec, AbortSignal.abort(reason)), error => error === reason)
      assert.equal(await fixture.has(spec.tap), true)
    })
  })
}
