import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { initiatorName } from './connector-properties.ts'

const nameIn = (text: string) => initiatorName(new TextEncoder().encode(text))

describe('the iSCSI name of this host', () => {
  it('is what open-iscsi has', () => {
    assert.equal(nameIn('## comment\nInitiatorName=iqn.1993-08.org.debian:01:abc\n'), 'iqn.1993-08.org.debian:01:abc')
    assert.equal(nameIn('InitiatorName = iqn.2004-10.com.example:x '), 'iqn.2004-10.com.example:x')
  })

  it('is left away where there is none, or none yet, or what is there is no name', () => {
    assert.equal(initiatorName(undefined), undefined)
    for (const text of [
      '',
      'GenerateName=yes\n',
      '#InitiatorName=iqn.x\n',
      'InitiatorName=\n',
      'InitiatorName=a b\n',
    ]) {
      assert.equal(nameIn(text), undefined, text)
    }
  })
})
