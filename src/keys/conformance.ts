import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import type { KeyManager } from './key-manager.ts'

export interface KeyManagerFixture extends AsyncDisposable {
  readonly keys: KeyManager
  /** The same store, opened anew as by another process. */
  reopen(): Promise<KeyManager>
}

const NOBODY = '00000000-1111-4222-8333-444444444444'

/** What every key manager does (castellan `KeyManager`). */
export function keyManagerConformance(name: string, make: () => Promise<KeyManagerFixture>): void {
  describe(`key manager: ${name}`, () => {
    it('makes random keys of the length asked for, and gives them back', async () => {
      await using fixture = await make()
      const ids = [
        await fixture.keys.create({ algorithm: 'aes', bitLength: 256, name: 'one' }),
        await fixture.keys.create({ algorithm: 'aes', bitLength: 512 }),
      ]
      const [one, two] = await Promise.all(ids.map(id => fixture.keys.get(id)))
      assert.deepEqual([one?.bitLength, one?.secret.length, two?.bitLength, two?.secret.length], [256, 32, 512, 64])
      assert.equal(one?.algorithm, 'aes')
      assert.notDeepEqual(one?.secret.reveal(), two?.secret.reveal().subarray(0, 32))
    })

    it('gives the same key to another process', async () => {
      await using fixture = await make()
      const id = await fixture.keys.create({ algorithm: 'aes', bitLength: 256 })
      const before = (await fixture.keys.get(id)).secret.reveal()
      const after = (await (await fixture.reopen()).get(id)).secret.reveal()
      assert.deepEqual(after, before)
    })

    it('gives each caller bytes of its own: wiping them does not hurt the next', async () => {
      await using fixture = await make()
      const id = await fixture.keys.create({ algorithm: 'aes', bitLength: 256 })
      const first = await fixture.keys.get(id)
      const copy = [...first.secret.reveal()]
      first.secret.wipe()
      assert.deepEqual([...(await fixture.keys.get(id)).secret.reveal()], copy)
    })

    it('lists ids only, sorted', async () => {
      await using fixture = await make()
      assert.deepEqual(await fixture.keys.list(), [])
      const ids = []
      for (let count = 0; count < 3; count++) ids.push(await fixture.keys.create({ algorithm: 'aes', bitLength: 256 }))
      assert.deepEqual(await fixture.keys.list(), ids.toSorted())
    })

    it('deletes once, and answers "already" after that', async () => {
      await using fixture = await make()
      const id = await fixture.keys.create({ algorithm: 'aes', bitLength: 256 })
      assert.equal(await fixture.keys.delete(id), 'made')
      assert.equal(await fixture.keys.delete(id), 'already')
      assert.equal(await fixture.keys.delete(NOBODY), 'already')
      await assert.rejects(fixture.keys.get(id), error => hasCode(error, 'key-not-found'))
    })

    for (const id of [NOBODY, '', '../master', `${NOBODY}\n`]) {
      it(`does not know key ${JSON.stringify(id)}`, async () => {
        await using fixture = await make()
        await assert.rejects(fixture.keys.get(id), error => hasCode(error, 'key-not-found'))
      })
    }
  })
}
