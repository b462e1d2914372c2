import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { secretOfHex } from './hex.ts'

const bytesOf = (text: string) => {
  const secret = secretOfHex(Buffer.from(text))
  return secret && [...secret.reveal()]
}

describe('hexadecimal digits', () => {
  it('of either case are bytes, leading zeros kept', () => {
    const every = Array.from({ length: 256 }, (_, byte) => byte)
    const text = Buffer.from(every).toString('hex')
    assert.deepEqual(bytesOf(text), every)
    assert.deepEqual(bytesOf(text.toUpperCase()), every)
    assert.deepEqual(bytesOf(''), [])
  })

  it('are nothing else', () => {
    for (const text of ['0', '0g', 'g0', '/0', ':0', '@0', '`0', 'G0', ' 00', '0x00', '00\n', 'é0']) {
      assert.equal(bytesOf(text), undefined, text)
    }
  })
})
