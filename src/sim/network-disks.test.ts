import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { hasCode, isHoldfastError } from '#src/core/error.ts'
import type { DomainSpec } from '#src/hypervisor/hypervisor.ts'
import { cephKeyHash, cephSecretUuid, cephUsage } from './ceph.ts'
import { SimHypervisor, simLibvirt } from './hypervisor.ts'
import { hashOf, World } from './world.ts'

const PASSPHRASE = new TextEncoder().encode('6f70656e')

describe('a simulated domain with an encrypted image of Ceph', () => {
  let world: World
  let hypervisor: SimHypervisor
  let volumeId: string
  let spec: DomainSpec
  beforeEach(async () => {
    world = new World()
    hypervisor = new SimHypervisor(world)
    volumeId = world.random.uuid()
    const name = `volumes/volume-${volumeId}`
    const path = `rbd:${name}`
    const valueHash = hashOf(PASSPHRASE)
    const luks = {
      version: 1,
      uuid: world.random.uuid(),
      passphraseHash: valueHash,
      payloadOffsetBytes: 2 ** 21,
    } as const
    world.addFile(path, { kind: 'network', sizeBytes: 2 ** 26, content: volumeId, luks })
    const secretUuid = cephSecretUuid(volumeId)
    const ceph = { uuid: secretUuid, usage: cephUsage(volumeId), purpose: 'ceph' } as const
    world.secrets.set(secretUuid, { ...ceph, valueHash: cephKeyHash(world, 'cinder') })
    world.secrets.set(volumeId, { uuid: volumeId, usage: volumeId, valueHash })
    const auth = { username: 'cinder', secretUuid }
    const network = { protocol: 'rbd', name, hosts: [{ name: '10.0.0.11', port: 6789 }], auth } as const
    const source = {
      mechanism: 'native',
      kind: 'network',
      path,
      network,
      sizeBytes: 2 ** 26,
      secretUuid: volumeId,
    } as const
    spec = {
      id: world.random.uuid(),
      name: 'web',
      memoryMib: 64,
      cpus: 1,
      disks: [{ volumeId, target: 'vda', source, readonly: false, shareable: false, discard: true }],
      interfaces: [],
      consoleLog: '/state/console.log',
    }
    await hypervisor.define(spec)
  })

  it('starts, and its guest reads what is in the volume', async () => {
    await hypervisor.check(spec)
    assert.equal(await hypervisor.start(spec.id), 'made')
    const [disk] = (await hypervisor.observe(spec.id))?.liveDisks ?? []
    assert.deepEqual([disk?.kind, disk?.path], ['network', `rbd:volumes/volume-${volumeId}`])
    assert.deepEqual([disk?.secretUuid, disk?.authSecretUuid], [volumeId, cephSecretUuid(volumeId)])
    assert.deepEqual(simLibvirt(world).sights[0]?.seen, { content: volumeId, ciphertext: false })
  })

  const refused: readonly (readonly [what: string, spoil: () => unknown, told: RegExp])[] = [
    ['the key of the Ceph user', () => world.secrets.delete(cephSecretUuid(volumeId)), /Secret not found/],
    ['its value', () => clear(cephSecretUuid(volumeId)), /does not have a value/],
    ['the right key', () => clear(cephSecretUuid(volumeId), 'other'), /Operation not permitted/],
    ['the passphrase', () => world.secrets.delete(volumeId), /Secret not found/],
    ['the value of that', () => clear(volumeId), /does not have a value/],
    ['the right passphrase', () => clear(volumeId, 'other'), /cannot unlock any keyslot/],
    ['the image', () => world.files.delete(`rbd:volumes/volume-${volumeId}`), /No such file or directory/],
  ]

  const clear = (uuid: string, valueHash?: string) => {
    const secret = world.secrets.get(uuid)
    assert.ok(secret)
    secret.valueHash = valueHash
  }

  for (const [what, spoil, told] of refused) {
    it(`does not start without ${what}`, async () => {
      spoil()
      await assert.rejects(hypervisor.start(spec.id), error => {
        assert.ok(isHoldfastError(error) && hasCode(error, 'hypervisor-error'))
        assert.match(error.message, told)
        return true
      })
    })
  }

  it('has lost both secrets after a power cut, and not what the operator keeps', async () => {
    const uuid = world.random.uuid()
    world.secrets.set(uuid, { uuid, usage: 'client.cinder secret', purpose: 'ceph', kept: true })
    await world.reboot()
    assert.deepEqual([...world.secrets.keys()], [uuid])
  })
})
