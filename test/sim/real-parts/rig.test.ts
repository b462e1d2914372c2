import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { violations } from '../invariants.ts'
import { RealRig } from '../real-parts.ts'

describe('instances over the real connector, encryptor and network interface', () => {
  it('live, are rebuilt after a power cut, and leave nothing', async () => {
    const rig = new RealRig()
    const [secret, plain, spare] = [await rig.volume('luks2'), await rig.volume(), await rig.volume('luks')]
    const id = await rig.instance('web', [secret, plain])
    assert.deepEqual([...rig.world.loops.keys()].length >= 1, true)
    assert.ok(rig.world.mappings.has(`crypt-${secret}`))
    await rig.instances.attach(id, spare)
    await rig.instances.hardReboot(id)
    assert.deepEqual(violations(rig), [])
    await rig.reboot()
    await rig.host.resume()
    assert.ok(rig.world.mappings.has(`crypt-${secret}`))
    assert.deepEqual(violations(rig), [])
    await rig.instances.detach(id, spare)
    await rig.instances.delete(id)
    assert.deepEqual([rig.traces(), rig.badSights(), violations(rig)], [[], [], []])
    const used = new Set(rig.world.passed.map(({ name }) => name.split(' ')[0]))
    for (const tool of ['losetup', 'cryptsetup', 'dmsetup']) assert.ok(used.has(tool), tool)
  })
})
