import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { ResumedInstance, ResumeReport } from '#src/engine/host-api.ts'
import type { FaultPlan } from '#src/sim/faults.ts'
import { Rig } from './rig.ts'

const outcomes = (report: ResumeReport) => Object.fromEntries(report.instances.map(one => [one.name, one.outcome]))

const power = (rig: Rig, id: string) => rig.libvirt.domains.get(id)?.state

/** Calls of these verbs fail, or never come back. */
const away =
  (prefix: string, how: 'fail' | 'hang'): FaultPlan =>
  ({ name }) => {
    if (!name.startsWith(prefix)) return undefined
    if (how === 'hang') return { when: 'before', do: 'hang' }
    const error = new HoldfastError('unavailable', 'away', `${name}: nobody answers`)
    return { when: 'before', do: 'fail', error }
  }

describe('host resume', () => {
  for (const provider of ['luks2', 'luks', undefined] as const) {
    it(`brings back after a power cut what ran, with its volumes (${provider ?? 'plain'})`, async () => {
      const rig = new Rig({ dmCrypt: provider !== 'luks' })
      const [web, off] = [
        await rig.instance('web', [await rig.volume(provider), await rig.volume(provider)]),
        await rig.instance('off', [await rig.volume(provider)]),
      ]
      await rig.instances.stop(off)
      await rig.reboot()
      const report = await rig.host.resume()
      assert.deepEqual(outcomes(report), { web: 'resumed' })
      assert.equal(report.bootId, rig.world.bootId)
      assert.equal(power(rig, web), 'running')
      assert.equal(power(rig, off), 'shutoff')
      assert.equal((await rig.instances.show(web)).record.status, 'ACTIVE')
      assert.deepEqual(rig.badSights(), [])
    })
  }

  it('touches nothing that runs after a mere restart of the process', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [await rig.volume('luks2')])
    const run = rig.libvirt.domains.get(id)?.runtimeId
    await rig.restart()
    const effects = () => rig.world.passed.filter(({ kind }) => kind === 'effect').length
    const before = effects()
    assert.deepEqual(outcomes(await rig.host.resume()), { web: 'running' })
    assert.equal(effects(), before)
    assert.equal(rig.libvirt.domains.get(id)?.runtimeId, run)
  })

  it('leaves a guest off that went off by itself under this boot', async () => {
    const rig = new Rig()
    const id = await rig.instance('web', [])
    const domain = rig.libvirt.domains.get(id)
    assert.ok(domain)
    rig.libvirt.endRun(domain)
    assert.deepEqual(outcomes(await rig.host.resume()), { web: 'stopped-itself' })
    await rig.reboot()
    assert.deepEqual(outcomes(await rig.host.resume()), { web: 'resumed' })
  })

  it('goes by priority, and tells them in that order', async () => {
    const rig = new Rig()
    for (const [name, priority] of [
      ['a', 0],
      ['b', 5],
      ['c', -5],
      ['d', 5],
    ] as const) {
      await rig.instance(name, [], { priority })
    }
    await rig.reboot()
    const told: string[] = []
    const report = await rig.host.resume({ onInstance: ({ name }) => told.push(name) })
    assert.deepEqual(
      report.instances.map(({ name }) => name),
      ['b', 'd', 'a', 'c'],
    )
    assert.deepEqual(told.toSorted(), ['a', 'b', 'c', 'd'])
  })

  it('one that fails delays no other, and is told with its reason', async () => {
    const rig = new Rig()
    const lost = await rig.volume('luks2')
    await rig.instance('broken', [lost], { priority: 9 })
    const well = await rig.instance('well', [await rig.volume('luks2')])
    await rig.reboot()
    for (const path of [...rig.world.files.keys()]) if (path.includes(lost)) rig.world.files.delete(path)
    const report = await rig.host.resume({ waitMs: 3_600_000 })
    assert.deepEqual(outcomes(report), { broken: 'failed', well: 'resumed' })
    const [broken] = report.instances
    assert.equal(broken?.error?.code, 'storage-absent')
    assert.match(broken?.error?.message ?? '', new RegExp(lost))
    assert.equal((await rig.instances.show(broken?.id ?? '')).record.status, 'ERROR')
    assert.equal(power(rig, well), 'running')
  })

  for (const how of ['fail', 'hang'] as const) {
    for (const [prefix, state] of [
      ['keys ', 'waiting-for-key'],
      ['volumes attachment-get', 'waiting-for-volume-service'],
    ] as const) {
      it(`waits for what does not answer (${prefix.trim()} ${how}s), and starts when it does`, async () => {
        const rig = new Rig()
        const id = await rig.instance('web', [await rig.volume('luks2')])
        const plain = await rig.instance('plain', [])
        await rig.reboot()
        rig.world.faults = away(prefix, how)
        assert.deepEqual(outcomes(await rig.host.resume({ waitMs: 0 })), { web: state, plain: 'resumed' })
        const { record } = await rig.instances.show(id)
        assert.equal(record.taskState, state)
        assert.equal(record.wanted, 'running')
        assert.equal(power(rig, plain), 'running')
        assert.deepEqual(
          rig.traces().filter(trace => !/^(domain|tap)/.test(trace)),
          [],
        )

        const told: ResumedInstance['outcome'][] = []
        const waiting = rig.host.resume({
          waitMs: 600_000,
          onInstance: ({ name, outcome }) => name === 'web' && told.push(outcome),
        })
        await rig.world.clock.sleep(200_000)
        assert.deepEqual(told, [state])
        rig.allWell()
        const report = await waiting
        assert.deepEqual(outcomes(report), { web: 'resumed', plain: 'running' })
        const web = report.instances.find(({ name }) => name === 'web')
        assert.ok((web?.finishedAfterMs ?? 0) >= 200_000)
        assert.equal((await rig.instances.show(id)).record.taskState, undefined)
        assert.equal(power(rig, id), 'running')
      })
    }
  }

  it('gives up waiting at the end of its time, and when it is told to', async () => {
    const rig = new Rig()
    await rig.instance('web', [await rig.volume('luks2')])
    await rig.reboot()
    rig.keysAway()
    const report = await rig.host.resume({ waitMs: 120_000 })
    assert.deepEqual(outcomes(report), { web: 'waiting-for-key' })
    assert.ok(report.durationMs >= 120_000 && report.durationMs < 180_000, String(report.durationMs))
    const abort = new AbortController()
    const onInstance = () => abort.abort(new HoldfastError('busy', 'interrupted', 'enough'))
    const aborted = await rig.host.resume({ waitMs: 1e9, signal: abort.signal, onInstance })
    assert.deepEqual(outcomes(aborted), { web: 'waiting-for-key' })
  })

  it('a key that never comes keeps no processor from the others', async () => {
    const rig = new Rig()
    const stuck: string[] = []
    for (let n = 0; n < 6; n++) stuck.push(await rig.volume('luks2'))
    for (const [n, volume] of stuck.entries()) await rig.instance(`stuck-${n}`, [volume], { priority: 10 })
    await rig.instance('well', [await rig.volume('luks2')])
    await rig.reboot()
    const keyOfWell = (await rig.parts.store.allMappings()).find(row => !stuck.includes(row.volumeId))?.encryption
      ?.keyId
    rig.world.faults = ({ name }) =>
      name.startsWith('keys ') && !name.includes(keyOfWell ?? '?') ? { when: 'before', do: 'hang' } : undefined
    const report = await rig.host.resume({ waitMs: 0 })
    const well = report.instances.find(({ name }) => name === 'well')
    assert.equal(well?.outcome, 'resumed')
    assert.ok((well?.finishedAfterMs ?? Number.NaN) < 1000, String(well?.finishedAfterMs))
  })

  it('ends what was interrupted first: forward, back, or superseded by its own work', async () => {
    const rig = new Rig()
    const [a, b, spare] = [await rig.volume('luks2'), await rig.volume('luks2'), await rig.volume('luks2')]
    const web = await rig.instance('web', [a])
    const db = await rig.instance('db', [b])
    const die =
      (name: string): FaultPlan =>
      point =>
        point.name.startsWith(name) ? { when: 'after', do: 'die' } : undefined
    rig.world.faults = die('cryptsetup luksOpen')
    rig.instances.attach(web, spare).catch(() => {})
    const { died } = rig.world
    await died
    await rig.reboot()
    rig.world.faults = die('domain destroy')
    const hard = rig.instances.hardReboot(db).catch(() => {})
    await Promise.race([hard, rig.world.died])
    await rig.reboot()
    const report = await rig.host.resume()
    assert.deepEqual(outcomes(report), { web: 'resumed', db: 'resumed' })
    assert.deepEqual(
      report.operations.map(({ operation: { kind, state } }) => [kind, state]),
      [['attach', 'rolled-back']],
    )
    assert.deepEqual(await rig.operations.list({ unfinished: true }), [])
    assert.equal((await rig.parts.volumes.get(spare)).status, 'available')
    assert.deepEqual(rig.badSights(), [])
  })

  it('a volume that the service gave away meanwhile is not started with', async () => {
    const rig = new Rig()
    const volume = await rig.volume('luks2')
    const id = await rig.instance('web', [volume])
    await rig.reboot()
    const attachmentId = (await rig.parts.store.mappings(id))[0]?.attachmentId
    await rig.parts.volumes.attachmentDelete(attachmentId ?? '')
    const report = await rig.host.resume()
    assert.deepEqual(outcomes(report), { web: 'failed' })
    assert.equal(report.instances[0]?.error?.code, 'attachment-lost')
    assert.notEqual(power(rig, id), 'running')
  })
})
