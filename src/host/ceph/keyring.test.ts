import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseKeyring } from './keyring.ts'

const KEY = Buffer.from('a key of Ceph with binary \u0000\u00ff')
const BASE64 = KEY.toString('base64')

const found = (text: string, user = 'cinder') => {
  const key = parseKeyring(Buffer.from(text), user)
  return key && Buffer.from(key.reveal())
}

describe('keyrings of Ceph', () => {
  it('give the key of their user', () => {
    assert.deepEqual(found(`[client.cinder]\n\tkey = ${BASE64}\n\tcaps mon = "profile rbd"\n`), KEY)
    assert.deepEqual(found(`[client.cinder]\r\nkey=${BASE64}`), KEY)
    const two = `[client.admin]\n\tkey = AAAA\n[client.cinder]\n  key =   ${BASE64}  \n[mon.]\n key = BBBB\n`
    assert.deepEqual(found(two), KEY)
    assert.deepEqual(found(two, 'admin'), Buffer.alloc(3))
  })

  it('may be the key alone', () => {
    assert.deepEqual(found(`${BASE64}\n`), KEY)
    assert.deepEqual(found(BASE64, 'whoever'), KEY)
  })

  it('have no key of somebody else, none that is no base64, and none that only looks like one', () => {
    const none = ['', '\n', 'AAA', '====', 'AA=A', '!!!!', '[client.cinder]\n', '[client.cinder]\nkey = \n']
    const others = [`[client.cinder2]\nkey = ${BASE64}\n`, `[client.cinder]\nkeyring = /x\n`, `key = ${BASE64}\n`]
    for (const text of [...none, ...others]) assert.equal(found(text), undefined, JSON.stringify(text))
  })

  it('are decoded as Node decodes them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), bytes => {
        assert.deepEqual(found(Buffer.from(bytes).toString('base64')), Buffer.from(bytes))
      }),
    )
  })
})
