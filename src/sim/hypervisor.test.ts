import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { hypervisorConformance } from '#src/hypervisor/conformance.ts'
import { code, type HypervisorFixture, LONG } from '#src/hypervisor/conformance-fixture.ts'
import type { DomainDisk, DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { SimHypervisor, simLibvirt } from './hypervisor.ts'
import type { SimDomain } from './hypervisor-state.ts'
import { hashOf, World } from './world.ts'

const MIB = 2 ** 20

function fixtureOf(world: World): HypervisorFixture {
  const libvirt = simLibvirt(world)
  Object.assign(libvirt.manners, { ignoresPower: true, keepsDisks: true })
  const domainOf = (id: string): SimDomain => {
    const domain = libvirt.domains.get(id)
    assert.ok(domain)
    return domain
  }
  const setState = (id: string, state: SimDomain['state']) => {
    domainOf(id).state = state
  }
  const setUp = (up: boolean) => {
    libvirt.up = up
  }
  const passphrase = hashOf(new TextEncoder().encode('secret'))
  return {
    hypervisor: new SimHypervisor(world),
    spec: () => newSpec(world),
    async disk(target, { native = false } = {}): Promise<DomainDisk> {
      const volumeId = world.random.uuid()
      const path = `/pool/${volumeId}`
      const luks = { version: 2, uuid: world.random.uuid(), passphraseHash: passphrase, payloadOffsetBytes: 0 } as const
      world.addFile(path, { sizeBytes: MIB, content: volumeId, luks: native ? luks : undefined })
      const secretUuid = native ? world.random.uuid() : undefined
      const source = { mechanism: native ? 'native' : 'none', kind: 'file', path, sizeBytes: MIB, secretUuid } as const
      return { volumeId, target, source, readonly: false, shareable: false, discard: true }
    },
    removeFile: async disk => void world.files.delete(disk.source.path),
    growFile: async (disk, bytes) => void world.addFile(disk.source.path, { sizeBytes: bytes }),
    defineSecret: async uuid => void world.secrets.set(uuid, { uuid, usage: 'volume', valueHash: passphrase }),
    undefineSecret: async uuid => void world.secrets.delete(uuid),
    killQemu: async id => libvirt.endRun(domainOf(id)),
    powerOff: async id => libvirt.endRun(domainOf(id)),
    async reset(id) {
      domainOf(id).resets++
      await turn()
    },
    pause: async id => setState(id, 'paused'),
    resume: async id => setState(id, 'running'),
    async defineForeign(id, name) {
      libvirt.define({ id, name, ours: false }, { memoryMib: 64, cpus: 1, disks: [], interfaces: [] })
    },
    stopLibvirt: async () => setUp(false),
    startLibvirt: async () => setUp(true),
    async clean() {
      for (const domain of [...libvirt.domains.values()]) {
        libvirt.endRun(domain)
        libvirt.undefine(domain, true)
      }
    },
    dispose: async () => {},
  }
}

function newSpec(world: World): DomainSpec {
  const id = world.random.uuid()
  const consoleLog = `/instances/${id}/console.log`
  return { id, name: `test-${id.slice(0, 8)}`, memoryMib: 64, cpus: 1, disks: [], interfaces: [], consoleLog }
}

hypervisorConformance('SimHypervisor', async () => fixtureOf(new World()))

/** A domain with one disk that runs, in a world whose guests behave. */
async function runningWorld() {
  const world = new World()
  const fixture = fixtureOf(world)
  const libvirt = simLibvirt(world)
  Object.assign(libvirt.manners, { ignoresPower: false, keepsDisks: false })
  const disk = await fixture.disk('vda')
  const spec = { ...fixture.spec(), disks: [disk] }
  await fixture.hypervisor.define(spec)
  await fixture.hypervisor.start(spec.id)
  return { world, fixture, libvirt, disk, id: spec.id, hypervisor: fixture.hypervisor }
}

describe('SimHypervisor', () => {
  it('has guests that power off, reboot and let go of disks when asked', async () => {
    const { hypervisor, id, disk } = await runningWorld()
    await hypervisor.reboot(id, LONG)
    assert.equal(await hypervisor.withdraw(id, disk.volumeId, LONG), 'made')
    const facts = await hypervisor.observe(id)
    assert.deepEqual([facts?.liveDisks, facts?.persistentDisks], [[], []])
    assert.equal(await hypervisor.shutdown(id, LONG), 'made')
  })

  it('holds disks open for as long as the guest has them, and remembers what it saw there', async () => {
    const { world, libvirt, hypervisor, fixture, id, disk } = await runningWorld()
    assert.equal(world.holders(disk.source.path).length, 1)
    assert.deepEqual(libvirt.sights.at(-1)?.seen, { content: disk.volumeId, ciphertext: false })
    const second = await fixture.disk('vdb', { native: true })
    await fixture.defineSecret(second.source.secretUuid as string)
    await hypervisor.present(id, second, LONG)
    assert.deepEqual(libvirt.sights.at(-1)?.seen, { content: second.volumeId, ciphertext: false })
    await hypervisor.withdraw(id, disk.volumeId, LONG)
    assert.deepEqual(world.holders(disk.source.path), [])
    await hypervisor.destroy(id, LONG)
    assert.deepEqual(world.holders(second.source.path), [])
  })

  it('refuses a native disk whose secret has no value, or another', async () => {
    const { world, hypervisor, fixture, id } = await runningWorld()
    const disk = await fixture.disk('vdb', { native: true })
    const uuid = disk.source.secretUuid as string
    for (const valueHash of [undefined, 'another']) {
      world.secrets.set(uuid, { uuid, usage: 'volume', valueHash })
      await assert.rejects(hypervisor.present(id, disk, LONG), code('hypervisor-error'))
    }
  })

  it('ends a run that was begun while another was ended, within bounds', async () => {
    const { libvirt, hypervisor, id } = await runningWorld()
    libvirt.restartsAfterDestroy = 2
    assert.equal(await hypervisor.destroy(id, LONG), 'made')
    assert.equal((await hypervisor.observe(id))?.state, 'shutoff')
    libvirt.restartsAfterDestroy = 1000
    await hypervisor.start(id)
    await assert.rejects(hypervisor.destroy(id, LONG), code('domain-restarted'))
  })

  it('has a guest that refuses to let go', async () => {
    const { libvirt, hypervisor, id, disk } = await runningWorld()
    libvirt.manners.refusesUnplug = true
    await assert.rejects(hypervisor.withdraw(id, disk.volumeId, LONG), /lets? go of volume .* and says so/)
  })

  it('keeps configurations over a boot, and no run', async () => {
    const { world, hypervisor, id } = await runningWorld()
    await world.reboot()
    const facts = await hypervisor.observe(id)
    assert.equal(facts?.state, 'shutoff')
    assert.equal(facts.persistentDisks.length, 1)
  })

  it('starts no domain without its bridge, and makes and removes its tap', async () => {
    const world = new World()
    const { hypervisor, spec } = fixtureOf(world)
    const nic = { portId: world.random.uuid(), mac: '52:54:00:00:00:01', bridge: 'br0', tap: 'tap0' }
    const wanted = { ...spec(), interfaces: [nic] }
    await hypervisor.define(wanted)
    await assert.rejects(hypervisor.start(wanted.id), code('hypervisor-error'))
    world.interfaces.set('br0', { name: 'br0', kind: 'bridge' })
    await hypervisor.start(wanted.id)
    assert.equal(world.interfaces.get('tap0')?.bridge, 'br0')
    await hypervisor.destroy(wanted.id, LONG)
    assert.equal(world.interfaces.has('tap0'), false)
  })
})
