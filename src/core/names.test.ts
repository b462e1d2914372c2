import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from './error.ts'
import { checkName, checkUuid } from './names.ts'

const HOSTILE = [
  '',
  'a b',
  'a/b',
  '../a',
  'a\nb',
  'x'.repeat(300),
  '<disk/>',
  '&amp;',
  '$(id)',
  '`id`',
  'a;b',
  '-rf',
  '.hidden',
  'ä',
  'a\u0000',
]

describe('checkName', () => {
  it('takes plain names', () => {
    for (const name of ['a', 'data-1', 'Web_2.old', '0', 'x'.repeat(63)]) assert.equal(checkName('volume', name), name)
  })

  for (const name of HOSTILE) {
    it(`refuses ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.throws(
        () => checkName('volume', name),
        error => hasCode(error, 'invalid-name') && !/[\n\0]/.test((error as Error).message),
      )
    })
  }
})

describe('checkUuid', () => {
  it('takes lower-case UUIDs only', () => {
    const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
    assert.equal(checkUuid('volume', id), id)
    for (const bad of [id.toUpperCase(), `${id}x`, id.slice(1), '../../etc/passwd']) {
      assert.throws(
        () => checkUuid('volume', bad),
        error => hasCode(error, 'invalid-id'),
      )
    }
  })
})
