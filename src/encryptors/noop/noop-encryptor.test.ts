import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { NoopEncryptor } from './noop-encryptor.ts'

const encryption = { provider: 'luks', controlLocation: 'back-end', keyId: 'k' } as const
const request = {
  volumeId: 'v',
  source: { kind: 'file', path: '/pool/v', sizeBytes: 4096, identity: {} },
  encryption: undefined,
} as const

describe('no decryption', () => {
  const encryptor = new NoopEncryptor()

  it('passes the source on as it is, for what is not encrypted or encrypted by the storage', async () => {
    for (const each of [request, { ...request, encryption }]) {
      await encryptor.check(each)
      const view = { mechanism: 'none', kind: 'file', path: '/pool/v', sizeBytes: 4096 } as const
      assert.deepEqual(await encryptor.unlock(each), { change: 'already', view })
      assert.deepEqual(await encryptor.probe(each), view)
    }
    assert.equal(await encryptor.lock(), 'already')
    assert.deepEqual(await encryptor.cost(request), { memoryBytes: 0, threads: 1 })
    assert.deepEqual(await encryptor.list(), [])
  })

  it('refuses what this host should decrypt (I1)', async () => {
    const front = { ...request, encryption: { ...encryption, controlLocation: 'front-end' } } as const
    const refused = (error: unknown) => hasCode(error, 'encryption-mismatch')
    await assert.rejects(encryptor.check(front), refused)
    await assert.rejects(encryptor.unlock(front), refused)
    await assert.rejects(encryptor.cost(front), refused)
    assert.equal(await encryptor.probe(front), undefined)
  })
})
