import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import type { Nic, NicSpec } from './nic.ts'

export interface NicFixture extends AsyncDisposable {
  readonly nic: Nic
  /** On a bridge that is there. */
  readonly spec: NicSpec
  /** A name that no interface has. */
  readonly absentBridge: string
  /** Leaves a tap of the interface's name, as a domain does that died without libvirt. */
  leaveTap(): Promise<void>
  /** Puts an interface that is no tap in its place. */
  putForeign(): Promise<void>
  tapExists(): Promise<boolean>
}

/** What every implementation of the network interface port does. `suite` lets a test skip it, with its reason. */
export function nicConformance(
  name: string,
  make: () => Promise<NicFixture>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`nic: ${name}`, { skip: options.skip ?? false }, () => {
    it('plugs into a bridge that is there, as often as asked', async () => {
      await using fixture = await make()
      await fixture.nic.check(fixture.spec)
      await fixture.nic.plug(fixture.spec)
      await fixture.nic.plug(fixture.spec)
    })

    it('says that the bridge is not there', async () => {
      await using fixture = await make()
      const spec = { ...fixture.spec, bridge: fixture.absentBridge }
      const named = (error: unknown) => hasCode(error, 'bridge-not-found') && String(error).includes(spec.bridge)
      await assert.rejects(fixture.nic.check(spec), named)
      await assert.rejects(fixture.nic.plug(spec), named)
    })

    it('does not take any other interface for a bridge', async () => {
      await using fixture = await make()
      await fixture.leaveTap()
      const spec = { ...fixture.spec, bridge: fixture.spec.tap }
      await assert.rejects(fixture.nic.check(spec), error => hasCode(error, 'bridge-not-found'))
    })

    it('removes a tap that was left, and answers "already" after that', async () => {
      await using fixture = await make()
      await fixture.leaveTap()
      assert.equal(await fixture.nic.unplug(fixture.spec), 'made')
      assert.equal(await fixture.tapExists(), false)
      assert.equal(await fixture.nic.unplug(fixture.spec), 'already')
    })

    it('leaves alone what has the name but is no tap', async () => {
      await using fixture = await make()
      await fixture.putForeign()
      await assert.rejects(fixture.nic.unplug(fixture.spec), error => hasCode(error, 'interface-foreign'))
      assert.equal(await fixture.tapExists(), true)
    })
  })
}
