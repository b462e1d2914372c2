import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Rig } from './rig.ts'

describe('host drill', () => {
  it('says of each instance that its next boot would come through, with its guest running or not', async () => {
    const rig = new Rig()
    await rig.instance('web', [await rig.volume('luks2'), await rig.volume()], { priority: 3 })
    const off = await rig.instance('off', [await rig.volume('luks')])
    await rig.instances.stop(off)
    const report = await rig.host.drill()
    assert.deepEqual(
      report.instances.map(({ name, wanted, ready, problems }) => [name, wanted, ready, problems]),
      [
        ['web', 'running', true, []],
        ['off', 'stopped', true, []],
      ],
    )
    const [web, stopped] = report.instances
    assert.deepEqual(
      web?.volumes.map(({ target, mechanism }) => [target, mechanism]),
      [
        ['vda', 'dm-crypt'],
        ['vdb', 'none'],
      ],
    )
    assert.equal(web?.predictedBackAfterMs, report.predictedMs)
    assert.equal(stopped?.predictedBackAfterMs, undefined)
  })

  it('tells everything that the next boot would fail with, instance by instance', async () => {
    const rig = new Rig()
    const [gone, well] = [await rig.volume('luks2'), await rig.volume('luks2')]
    await rig.instance('broken', [gone, well])
    await rig.instance('well', [await rig.volume('luks2')])
    const { world } = rig
    for (const path of [...world.files.keys()]) if (path.includes(gone)) world.files.delete(path)
    world.interfaces.delete('br0')
    world.files.delete('/boot/vmlinuz')
    const report = await rig.host.drill()
    const broken = report.instances.find(({ name }) => name === 'broken')
    const codes = (broken?.problems ?? []).map(({ code }) => code)
    assert.ok(codes.includes('storage-absent'), codes.join())
    assert.ok(broken?.problems.some(({ message }) => message.includes('br0')))
    assert.ok(broken?.problems.some(({ message }) => message.includes('/boot/vmlinuz')))
    assert.equal(report.instances.find(({ name }) => name === 'well')?.ready, false)
  })

  it('a key manager that is away, and a key that no longer fits, are problems of the instances that need them', async () => {
    const rig = new Rig()
    await rig.instance('sealed', [await rig.volume('luks2')])
    await rig.instance('plain', [await rig.volume()])
    rig.keysAway()
    const ready = async () =>
      Object.fromEntries((await rig.host.drill()).instances.map(({ name, ready }) => [name, ready]))
    assert.deepEqual(await ready(), { sealed: false, plain: true })
    rig.allWell()
    assert.deepEqual(await ready(), { sealed: true, plain: true })
    for (const file of rig.world.files.values()) if (file.luks) file.luks.passphraseHash = 'another'
    const [drilled] = (await rig.host.drill()).instances.filter(({ ready }) => !ready)
    assert.deepEqual(
      drilled?.problems.map(({ code }) => code),
      ['wrong-key'],
    )
  })

  it('what it forecasts is what the resume then takes, within the same bounds', async () => {
    const rig = new Rig()
    for (let n = 0; n < 12; n++) await rig.instance(`i-${n}`, [await rig.volume('luks2'), await rig.volume('luks2')])
    const slow = ({ name }: { readonly name: string }) =>
      /^(cryptsetup luksOpen|luks check)/.test(name) ? 200 : /^domain start/.test(name) ? 900 : 0
    rig.world.latency = slow
    await rig.instances.hardReboot((await rig.instances.list())[0]?.record.id ?? '')
    const drill = await rig.host.drill()
    assert.equal(drill.domainStart.from, 'journal')
    await rig.reboot()
    rig.world.latency = slow
    const resumed = await rig.host.resume()
    assert.ok(resumed.instances.every(({ outcome }) => outcome === 'resumed'))
    const ratio = drill.predictedMs / resumed.durationMs
    assert.ok(ratio > 0.8 && ratio < 1.25, `${drill.predictedMs} forecast, ${resumed.durationMs} taken`)
  })
})
