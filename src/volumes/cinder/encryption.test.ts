import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { CinderEncryption } from '#src/openstack/cinder/index.ts'
import { encryptionSpec } from './encryption.ts'
import { VOLUME } from './testing/bench.ts'

const WHOLE: CinderEncryption = {
  keyId: '93406d68-8ea3-466b-a319-31ebdde1146c',
  provider: 'luks',
  cipher: 'aes-xts-plain64',
  keySize: 256,
  controlLocation: 'front-end',
}
const NOTHING: CinderEncryption = { keyId: null, provider: null, cipher: null, keySize: null, controlLocation: null }

const refused = (raw: CinderEncryption, isEncrypted: boolean, code: string, message = /./) =>
  assert.throws(
    () => encryptionSpec(VOLUME, raw, isEncrypted),
    (error: unknown) => {
      assert.ok(error instanceof HoldfastError)
      assert.deepEqual([error.code, error.details.volume], [code, VOLUME])
      assert.match(error.message, message)
      return true
    },
  )

describe('how a volume is encrypted', () => {
  it('is told whole', () => {
    const { keyId, cipher, keySize } = WHOLE
    const expected = { provider: 'luks', controlLocation: 'front-end', keyId, cipher, keySize }
    assert.deepEqual(encryptionSpec(VOLUME, WHOLE, true), expected)
  })

  it('is told by words and by paths of classes', () => {
    for (const [provider, expected] of [
      ['luks2', 'luks2'],
      ['plain', 'plain'],
      ['nova.volume.encryptors.luks.LuksEncryptor', 'luks'],
      ['nova.volume.encryptors.cryptsetup.CryptsetupEncryptor', 'plain'],
      ['os_brick.encryptors.luks.Luks2Encryptor', 'luks2'],
      ['LuksEncryptor', 'luks'],
    ] as const) {
      assert.equal(encryptionSpec(VOLUME, { ...WHOLE, provider }, true)?.provider, expected)
    }
  })

  it('is refused for a provider that nobody knows, by name', () => {
    for (const provider of [
      'os_brick.encryptors.nop.NoOpEncryptor',
      'LUKS',
      'os.system',
      '__proto__',
      'x'.repeat(900),
    ]) {
      refused({ ...WHOLE, provider }, true, 'encryption-unsupported', new RegExp(provider.slice(0, 40)))
    }
  })

  it('is nothing for a volume of which nobody says that it is', () => {
    assert.equal(encryptionSpec(VOLUME, NOTHING, false), undefined)
    assert.equal(encryptionSpec(VOLUME, { ...NOTHING, cipher: 'aes-xts-plain64' }, false), undefined)
  })

  it('fails closed where it is half told', () => {
    const code = 'encryption-metadata-missing'
    refused(NOTHING, true, code, /encryption_key_id, provider, control_location/)
    refused({ ...WHOLE, keyId: null }, false, code, /encryption_key_id/)
    refused({ ...WHOLE, provider: null }, false, code, /provider/)
    refused({ ...WHOLE, provider: '' }, true, code)
    refused({ ...WHOLE, controlLocation: null }, true, code)
    refused({ ...WHOLE, controlLocation: 'somewhere' }, true, code)
    refused({ ...WHOLE, keyId: '../../secrets' }, true, code)
    refused({ ...WHOLE, keyId: 'a b' }, true, code)
    refused({ ...WHOLE, cipher: '--help' }, true, code)
  })

  it('may be with a key of no UUID, of no size, by the storage itself', () => {
    const raw = { ...WHOLE, keyId: 'a'.repeat(32), keySize: null, cipher: null, controlLocation: 'back-end' }
    const expected = { provider: 'luks', controlLocation: 'back-end', keyId: 'a'.repeat(32) }
    assert.deepEqual(encryptionSpec(VOLUME, raw, true), expected)
  })
})
