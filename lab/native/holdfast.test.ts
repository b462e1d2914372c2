import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveOn, makeRealHost } from '../holdfast-life.ts'

const MARKER = 'written-through-qemu'

/** What the quickstart shows, on a libvirtd of the test's own: QEMU decrypts. */
test('a whole life of an instance whose volume QEMU decrypts', { timeout: 240_000 }, async t => {
  await using real = await makeRealHost()
  await using holdfast = await real.open()
  const say = (line: string) => t.diagnostic(line)

  const life = await liveOn(real, holdfast, { provider: 'luks', marker: MARKER, bootMs: 90_000, say })

  assert.match(life.proof, new RegExp(`marker=${MARKER}`))
  const view = await holdfast.instances.show(life.instanceId)
  assert.deepEqual([view.record.status, view.power, view.mappings[0]?.mechanism], ['ACTIVE', 'running', 'native'])

  const { notes } = await holdfast.instances.softReboot(life.instanceId)
  assert.deepEqual(notes, [])
  await holdfast.instances.stop(life.instanceId)
  assert.deepEqual(await real.libvirt.connect.listAllSecrets(), [])
  await holdfast.instances.delete(life.instanceId)
  assert.deepEqual(await real.libvirt.connect.listAllDomains(), [])
  assert.equal((await holdfast.volumes.get(life.volume.id)).status, 'available')
})
