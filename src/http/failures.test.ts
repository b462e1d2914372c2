import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { failureOf } from './failures.ts'
import type { HttpRequest } from './transport.ts'

const REQUEST: HttpRequest = { method: 'POST', url: 'https://cinder.test/v3', headers: {}, deadlineMs: 1000 }
const failed = (code: string, sent: boolean) => failureOf(REQUEST, Object.assign(new Error('words'), { code }), sent)

describe('what an exchange failed with', () => {
  it('is never told as surely not done once the request may have been read', () => {
    for (const code of ['ECONNRESET', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'EPROTO', 'EPIPE', 'ENOTFOUND']) {
      assert.equal(failed(code, true).code, 'reply-lost', code)
    }
  })

  it('is surely not done when no connection came about', () => {
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'ECONNRESET', '']) {
      assert.equal(failed(code, false).code, 'endpoint-unreachable', code)
    }
    for (const code of ['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO']) {
      assert.equal(failed(code, false).code, 'tls-untrusted', code)
    }
  })

  it('is surely not done when the server refuses our certificate, whenever it says so', () => {
    for (const sent of [true, false]) {
      const error = failed('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', sent)
      assert.equal(error.code, 'tls-untrusted')
      assert.match(error.message, /refuses our certificate/)
    }
  })
})
