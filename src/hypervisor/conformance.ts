import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { awayCases, failureCases } from './conformance-failures.ts'
import {
  type Context,
  code,
  type HypervisorFixture,
  LONG,
  networkDisk,
  running,
  SHORT,
  summary,
  wanted,
} from './conformance-fixture.ts'

/** What every hypervisor must do; run by each implementation and by the simulated twin. */
export function hypervisorConformance(
  name: string,
  make: () => Promise<HypervisorFixture>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`${name} as a hypervisor`, { skip: options.skip ?? false }, () => {
    let fixture: HypervisorFixture
    before(async () => {
      fixture = await make()
    })
    afterEach(async () => await fixture.clean())
    after(async () => await fixture?.dispose())
    const context = { hypervisor: () => fixture.hypervisor, fixture: () => fixture }
    definitionCases(context)
    powerCases(context)
    diskCases(context)
    networkDiskCases(context)
    failureCases(context)
    awayCases(context)
  })
}

function definitionCases({ hypervisor, fixture }: Context): void {
  it('says what it is', async () => {
    const abilities = await hypervisor().abilities()
    assert.equal(abilities.hypervisor, 'QEMU')
    assert.match(abilities.libvirtVersion, /^\d+\.\d+\.\d+$/)
    assert.match(abilities.hypervisorVersion, /^\d+\.\d+\.\d+$/)
    assert.match(abilities.emulator, /^\//)
    assert.equal(abilities.domainType, 'qemu')
  })

  it('knows nothing of a domain that is not there', async () => {
    const { id } = fixture().spec()
    assert.equal(await hypervisor().observe(id), undefined)
    assert.deepEqual(await hypervisor().list(), [])
    await assert.rejects(hypervisor().start(id), code('domain-not-found'))
    await assert.rejects(hypervisor().waitRunning(id, LONG), code('domain-not-found'))
    await assert.rejects(hypervisor().reboot(id, LONG), code('domain-not-found'))
    await assert.rejects(hypervisor().present(id, await fixture().disk('vda'), LONG), code('domain-not-found'))
  })

  it('takes down what is not there', async () => {
    const { id } = fixture().spec()
    assert.equal(await hypervisor().destroy(id, LONG), 'already')
    assert.equal(await hypervisor().shutdown(id, LONG), 'already')
    assert.equal(await hypervisor().undefine(id, { forget: false }), 'already')
    assert.equal(await hypervisor().withdraw(id, fixture().spec().id, LONG), 'already')
  })

  it('defines a domain with its disks, once', async () => {
    const disks = [await fixture().disk('vda'), await fixture().disk('vdb')]
    const spec = { ...fixture().spec(), disks }
    assert.equal(await hypervisor().define(spec), 'made')
    assert.equal(await hypervisor().define(spec), 'already')

    const facts = await hypervisor().observe(spec.id)

    assert.ok(facts)
    const { persistentDisks, ...rest } = facts
    assert.deepEqual(rest, {
      id: spec.id,
      name: spec.name,
      state: 'shutoff',
      persistent: true,
      runtimeId: undefined,
      ours: true,
      liveDisks: [],
    })
    assert.deepEqual(summary(persistentDisks), wanted(disks))
    assert.equal(persistentDisks[0]?.kind, 'file')
    assert.deepEqual(await hypervisor().list(), [facts])
  })

  it('replaces its own definition', async () => {
    const [one, two] = [await fixture().disk('vda'), await fixture().disk('vda')]
    const spec = fixture().spec()
    await hypervisor().define({ ...spec, disks: [one] })
    assert.equal(await hypervisor().define({ ...spec, disks: [two] }), 'made')
    assert.deepEqual(summary((await hypervisor().observe(spec.id))?.persistentDisks ?? []), wanted([two]))
  })

  it('tells the secret of a disk that QEMU decrypts', async () => {
    const disk = await fixture().disk('vda', { native: true })
    const spec = { ...fixture().spec(), disks: [disk] }
    await hypervisor().define(spec)
    assert.ok(disk.source.secretUuid)
    assert.equal((await hypervisor().observe(spec.id))?.persistentDisks[0]?.secretUuid, disk.source.secretUuid)
  })

  it('undefines a domain, once', async () => {
    for (const forget of [false, true]) {
      const spec = fixture().spec()
      await hypervisor().define(spec)
      assert.equal(await hypervisor().undefine(spec.id, { forget }), 'made')
      assert.equal(await hypervisor().undefine(spec.id, { forget }), 'already')
      assert.equal(await hypervisor().observe(spec.id), undefined)
    }
  })

  it('leaves a running domain that is undefined to run, with nothing persistent', async () => {
    const disk = await fixture().disk('vda')
    const { id } = await running({ hypervisor, fixture }, [disk])
    assert.equal(await hypervisor().undefine(id, { forget: false }), 'made')
    assert.equal(await hypervisor().undefine(id, { forget: false }), 'already')

    const facts = await hypervisor().observe(id)

    assert.equal(facts?.state, 'running')
    assert.equal(facts.persistent, false)
    assert.deepEqual(facts.persistentDisks, [])
    assert.deepEqual(summary(facts.liveDisks), wanted([disk]))
    assert.equal(await hypervisor().destroy(id, LONG), 'made')
    assert.equal(await hypervisor().observe(id), undefined)
  })

  it('passes a domain whose parts are all there', async () => {
    await hypervisor().check({ ...fixture().spec(), disks: [await fixture().disk('vda')] })
  })
}

function powerCases({ hypervisor, fixture }: Context): void {
  it('starts a domain once, waits until it runs, and pulls the plug once', async () => {
    const disk = await fixture().disk('vda')
    const { id } = await running({ hypervisor, fixture }, [disk])
    assert.equal(await hypervisor().start(id), 'already')
    await hypervisor().waitRunning(id, LONG)
    const facts = await hypervisor().observe(id)
    assert.equal(facts?.state, 'running')
    assert.deepEqual(summary(facts.liveDisks), wanted([disk]))
    assert.equal(typeof facts.runtimeId, 'number')

    assert.equal(await hypervisor().destroy(id, LONG), 'made')

    assert.equal(await hypervisor().destroy(id, LONG), 'already')
    const off = await hypervisor().observe(id)
    assert.equal(off?.state, 'shutoff')
    assert.equal(off.runtimeId, undefined)
    await hypervisor().start(id)
    assert.notEqual((await hypervisor().observe(id))?.runtimeId, facts.runtimeId)
  })

  it('sees that QEMU died, and starts it again', async () => {
    const { id } = await running({ hypervisor, fixture })
    await fixture().killQemu(id)
    assert.match(await hypervisor().shutdown(id, LONG), /^(made|already)$/)
    await assert.rejects(hypervisor().waitRunning(id, LONG), code('domain-not-running'))
    await assert.rejects(hypervisor().reboot(id, LONG), code('domain-not-running'))
    assert.equal((await hypervisor().observe(id))?.state, 'shutoff')
    assert.equal(await hypervisor().destroy(id, LONG), 'already')
    assert.equal(await hypervisor().start(id), 'made')
  })

  it('does not take a paused domain for a running one', async () => {
    const { id } = await running({ hypervisor, fixture })
    await fixture().pause(id)
    assert.equal((await hypervisor().observe(id))?.state, 'paused')
    await assert.rejects(hypervisor().waitRunning(id, SHORT), code('timeout'))
    const waiting = hypervisor().waitRunning(id, LONG)
    await fixture().resume(id)
    await waiting
  })

  it('waits for a guest to power off', async () => {
    const { id } = await running({ hypervisor, fixture })
    await assert.rejects(hypervisor().shutdown(id, SHORT), code('timeout'))
    assert.equal((await hypervisor().observe(id))?.state, 'running')
    const waiting = hypervisor().shutdown(id, LONG)
    await fixture().powerOff(id)
    assert.match(await waiting, /^(made|already)$/)
    assert.equal((await hypervisor().observe(id))?.state, 'shutoff')
    assert.equal(await hypervisor().shutdown(id, LONG), 'already')
  })

  it('waits for a guest to reboot', async () => {
    const { id } = await running({ hypervisor, fixture })
    await assert.rejects(hypervisor().reboot(id, SHORT), code('timeout'))
    const waiting = hypervisor().reboot(id, LONG)
    // A reset before the request was made is none of its answers, so the guest resets until one is.
    let answered = false
    const done = waiting.finally(() => {
      answered = true
    })
    while (!answered) await fixture().reset(id)
    await done
    assert.equal((await hypervisor().observe(id))?.state, 'running')
  })

  it('gives up a wait whose signal is aborted', async () => {
    const { id } = await running({ hypervisor, fixture })
    const stop = new AbortController()
    const reason = new Error('enough')
    const waiting = hypervisor().shutdown(id, { ...LONG, signal: stop.signal })
    stop.abort(reason)
    await assert.rejects(waiting, reason)
  })
}

function diskCases({ hypervisor, fixture }: Context): void {
  it('changes the disks of a domain that is off', async () => {
    const spec = fixture().spec()
    const [one, two] = [await fixture().disk('vda'), await fixture().disk('vdb')]
    await hypervisor().define({ ...spec, disks: [one] })
    assert.equal(await hypervisor().present(spec.id, two, LONG), 'made')
    assert.equal(await hypervisor().present(spec.id, two, LONG), 'already')
    assert.deepEqual(summary((await hypervisor().observe(spec.id))?.persistentDisks ?? []), wanted([one, two]))
    await hypervisor().resize(spec.id, two.volumeId, two.source.sizeBytes)

    assert.equal(await hypervisor().withdraw(spec.id, one.volumeId, LONG), 'made')

    assert.equal(await hypervisor().withdraw(spec.id, one.volumeId, LONG), 'already')
    assert.deepEqual(summary((await hypervisor().observe(spec.id))?.persistentDisks ?? []), wanted([two]))
    assert.equal(await hypervisor().start(spec.id), 'made')
    assert.deepEqual(summary((await hypervisor().observe(spec.id))?.liveDisks ?? []), wanted([two]))
  })

  it('gives a disk to a running guest and to its next run', async () => {
    const { id } = await running({ hypervisor, fixture })
    const disk = await fixture().disk('vdc')
    assert.equal(await hypervisor().present(id, disk, LONG), 'made')
    assert.equal(await hypervisor().present(id, disk, LONG), 'already')
    const facts = await hypervisor().observe(id)
    assert.deepEqual(summary(facts?.liveDisks ?? []), wanted([disk]))
    assert.deepEqual(summary(facts?.persistentDisks ?? []), wanted([disk]))
  })

  it('presents no second disk at a target, and no volume twice', async () => {
    const disk = await fixture().disk('vda')
    const { id } = await running({ hypervisor, fixture }, [disk])
    await assert.rejects(hypervisor().present(id, await fixture().disk('vda'), LONG), code('disk-conflict'))
    await assert.rejects(hypervisor().present(id, { ...disk, target: 'vdb' }, LONG), code('disk-conflict'))
  })

  it('says that a guest keeps its disk, and leaves it in both configurations', async () => {
    const [one, two] = [await fixture().disk('vda'), await fixture().disk('vdb')]
    const { id } = await running({ hypervisor, fixture }, [one, two])
    await assert.rejects(hypervisor().withdraw(id, two.volumeId, SHORT), code('device-detach-failed'))
    const facts = await hypervisor().observe(id)
    assert.deepEqual(summary(facts?.liveDisks ?? []), wanted([one, two]))
    assert.deepEqual(summary(facts?.persistentDisks ?? []), wanted([one, two]))
    await hypervisor().destroy(id, LONG)
    assert.equal(await hypervisor().withdraw(id, two.volumeId, LONG), 'made')
  })

  it('tells a running guest the size of its disk', async () => {
    const disk = await fixture().disk('vda')
    const { id } = await running({ hypervisor, fixture }, [disk])
    const bytes = disk.source.sizeBytes * 2
    await fixture().growFile(disk, bytes)
    await hypervisor().resize(id, disk.volumeId, bytes)
    await assert.rejects(hypervisor().resize(id, fixture().spec().id, bytes), code('disk-not-found'))
  })
}

/** Of images that no cluster has: what can be known without opening them. */
function networkDiskCases({ hypervisor, fixture }: Context): void {
  it('does not look for a network disk on this host, and tells its image and its secrets', async () => {
    const disk = networkDisk(fixture().spec().id, 'vda')
    const spec = { ...fixture().spec(), disks: [disk] }
    await hypervisor().check(spec)
    assert.equal(await hypervisor().define(spec), 'made')
    assert.equal(await hypervisor().define(spec), 'already')
    const [found, ...more] = (await hypervisor().observe(spec.id))?.persistentDisks ?? []
    assert.deepEqual(more, [])
    assert.deepEqual([found?.kind, found?.path, found?.volumeId], ['network', disk.source.path, disk.volumeId])
    assert.equal(found?.secretUuid, disk.source.secretUuid)
    assert.equal(found?.authSecretUuid, disk.source.network?.auth?.secretUuid)
  })

  it('adds a network disk to a domain that is off, knows it by its secrets too, and takes it away', async () => {
    const [spec, other] = [fixture().spec(), fixture().spec()]
    const disk = networkDisk(other.id, 'vdb')
    await hypervisor().define({ ...spec, disks: [await fixture().disk('vda')] })
    assert.equal(await hypervisor().present(spec.id, disk, LONG), 'made')
    assert.equal(await hypervisor().present(spec.id, disk, LONG), 'already')
    const { network } = disk.source
    assert.ok(network)
    const elsewhere = { ...network, auth: { username: 'cinder', secretUuid: other.id } }
    const wrong = { ...disk, source: { ...disk.source, network: elsewhere } }
    await assert.rejects(hypervisor().present(spec.id, wrong, LONG), code('disk-conflict'))
    assert.equal(await hypervisor().withdraw(spec.id, disk.volumeId, LONG), 'made')
    assert.equal((await hypervisor().observe(spec.id))?.persistentDisks.length, 1)
  })
}
