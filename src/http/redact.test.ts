import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hideSecrets, plainUrl } from './redact.ts'

describe('what may be shown of a request', () => {
  it('has no secret in any form that a server may send it back in', () => {
    const secret = 'a"b&c/d'
    const said = `plain ${secret}, JSON ${JSON.stringify({ secret })}, address ${encodeURIComponent(secret)}, HTML a"b&amp;c/d`
    assert.equal(
      hideSecrets(said, [secret]),
      'plain [secret], JSON {"secret":"[secret]"}, address [secret], HTML [secret]',
    )
  })

  it('hides the longer of two secrets where one holds the other, and leaves what is too short to be one', () => {
    assert.equal(hideSecrets('token-12 token-1', ['token-1', 'token-12']), '[secret] [secret]')
    assert.equal(hideSecrets('a bad name', ['', 'a']), 'a bad name')
  })

  it('names where it went, without user, password and query', () => {
    assert.equal(plainUrl('https://me:hidden@host:1/v3/x?name=hidden#hidden'), 'https://host:1/v3/x')
    assert.equal(plainUrl('http://me:hid?den@host/x'), 'http://host/x')
  })
})
