import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EncryptionProvider, EncryptionSpec } from '#src/core/encryption.ts'
import { hasCode } from '#src/core/error.ts'
import { chooseMechanism } from './choose.ts'

const spec = (provider: EncryptionProvider, controlLocation: EncryptionSpec['controlLocation'] = 'front-end') => ({
  provider,
  controlLocation,
  keyId: '00000000-0000-4000-8000-000000000001',
})
const BOTH = { dmCrypt: true, native: true }
const NATIVE = { dmCrypt: false, native: true }
const DM = { dmCrypt: true, native: false }
const NEITHER = { dmCrypt: false, native: false }

describe('the mechanism of decryption', () => {
  it('is none for a volume that is not encrypted, or that the storage encrypts', () => {
    assert.equal(chooseMechanism(undefined, NEITHER, 'dm-crypt'), 'none')
    for (const provider of ['luks', 'luks2', 'plain'] as const) {
      assert.equal(chooseMechanism(spec(provider, 'back-end'), NEITHER, 'dm-crypt'), 'none')
    }
  })

  it('is what is preferred for LUKS1 where both are there, else the one that is there', () => {
    assert.equal(chooseMechanism(spec('luks'), BOTH, 'dm-crypt'), 'dm-crypt')
    assert.equal(chooseMechanism(spec('luks'), BOTH, 'native'), 'native')
    assert.equal(chooseMechanism(spec('luks'), NATIVE, 'dm-crypt'), 'native')
    assert.equal(chooseMechanism(spec('luks'), DM, 'native'), 'dm-crypt')
  })

  it('is dm-crypt for LUKS2, whatever is preferred', () => {
    assert.equal(chooseMechanism(spec('luks2'), BOTH, 'native'), 'dm-crypt')
  })

  it('never falls back to none', () => {
    const refused = (error: unknown) => hasCode(error, 'encryption-unsupported')
    assert.throws(() => chooseMechanism(spec('luks'), NEITHER, 'native'), refused)
    assert.throws(() => chooseMechanism(spec('luks2'), NATIVE, 'native'), refused)
    assert.throws(() => chooseMechanism(spec('plain'), BOTH, 'dm-crypt'), refused)
  })
})
