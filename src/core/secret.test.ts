import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { passphraseOf, Secret } from './secret.ts'

describe('Secret', () => {
  const make = () => new Secret(new TextEncoder().encode('open sesame'))

  it('prints as a fixed word wherever it may be printed by accident', () => {
    const secret = make()
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }),
    ]
    for (const text of shown) {
      assert.match(text, /\[secret\]/)
      assert.doesNotMatch(text, /sesame|111|6f70/)
    }
  })

  it('wipes the bytes that it was given', () => {
    const bytes = new TextEncoder().encode('open sesame')
    const secret = new Secret(bytes)
    secret.wipe()
    assert.deepEqual([...bytes], new Array(11).fill(0))
    assert.throws(() => secret.reveal(), /wiped/)
    secret.wipe()
  })

  it('is wiped at the end of its scope', () => {
    const bytes = new Uint8Array([1, 2, 3])
    {
      using secret = new Secret(bytes)
      assert.equal(secret.length, 3)
    }
    assert.deepEqual([...bytes], [0, 0, 0])
  })

  it('gives a passphrase with two digits for each byte, leading zeros kept (Launchpad 1633518)', () => {
    const passphrase = passphraseOf(new Secret(new Uint8Array([0x07, 0x25, 0x23, 0x0b, 0xff, 0x00])))
    assert.equal(new TextDecoder().decode(passphrase.reveal()), '0725230bff00')
  })
})
