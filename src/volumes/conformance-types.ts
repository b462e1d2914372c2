import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  blank,
  type MakeBench,
  multiattachRefusal,
  refused,
  typeName,
  typeOf,
  typesOf,
  using,
} from './conformance-fixture.ts'
import type { CreateVolumeType } from './volume-service.ts'

export function typeConformance(make: MakeBench): void {
  describe('volume types', () => {
    it(
      'fills in the defaults, lists by name, finds by name and id',
      using(make, async fixture => {
        const { service } = fixture
        const name = (word: string) => typeName(fixture, word)
        const keySize = fixture.traits.defaultKeySize
        const plain = await typeOf(fixture, { name: 'plain', multiattach: true })
        const luks = await typeOf(fixture, { name: 'luks', encryption: { provider: 'luks2' } })
        assert.deepEqual(await typesOf(fixture), [luks, plain])
        assert.deepEqual(plain, { id: plain.id, name: name('plain'), multiattach: true })
        assert.deepEqual(luks, {
          id: luks.id,
          name: name('luks'),
          multiattach: false,
          encryption: { provider: 'luks2', cipher: 'aes-xts-plain64', keySize, controlLocation: 'front-end' },
        })
        assert.equal((await blank(fixture, { volumeType: luks.id })).volumeType, name('luks'))
        assert.equal((await blank(fixture, { volumeType: name('plain') })).multiattach, true)
        await refused(service.createVolumeType({ name: name('luks') }), 'conflict', 'conflict', /luks/)
        await refused(service.deleteVolumeType(name('luks')), 'conflict', 'conflict', /luks/)
        await typeOf(fixture, { name: 'unused' })
        await service.deleteVolumeType(name('unused'))
        assert.deepEqual(await typesOf(fixture), [luks, plain])
      }),
    )

    it(
      'refuses encryption that nobody would perform, and makes nothing',
      using(make, async fixture => {
        const { service } = fixture
        const type = (encryption: unknown, more = {}) =>
          service.createVolumeType({ name: typeName(fixture, 't'), encryption, ...more } as CreateVolumeType)
        const unsupported = (promise: Promise<unknown>) => refused(promise, 'unsupported', 'encryption-unsupported')
        await unsupported(type({ provider: 'plain' }))
        await unsupported(type({ provider: 'nova.volume.encryptors.luks.LuksEncryptor' }))
        await unsupported(type({ provider: 'luks', controlLocation: 'back-end' }))
        await unsupported(type({ provider: 'luks' }, { multiattach: true }))
        const invalid = (promise: Promise<unknown>) => refused(promise, 'invalid-input', 'invalid-input')
        await invalid(type({ provider: 'luks', cipher: 'aes' }))
        await invalid(type({ provider: 'luks', cipher: '--help-me' }))
        await invalid(type({ provider: 'luks', keySize: 100 }))
        await invalid(type({ provider: 'luks', keySize: 128 }))
        assert.deepEqual(await typesOf(fixture), [])
        const { id: volumeType } = await typeOf(fixture, { name: 'luks', encryption: { provider: 'luks' } })
        const both = service.create({ size: 1, volumeType, multiattach: true })
        await refused(both, 'unsupported', multiattachRefusal(fixture))
        assert.deepEqual(await service.getAll(), [])
      }),
    )
  })
}
