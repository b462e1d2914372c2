import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import type { KeyManager, KeySpec } from './key-manager.ts'

/** In what a key manager may differ. */
export interface KeyManagerTraits {
  /** Others keep keys there too: lists are compared for the keys made here only, and what was made is deleted. */
  readonly shared?: boolean
  /** Nobody can change what is stored of a key: there is no `damage`. */
  readonly outOfReach?: boolean
}

export interface KeyManagerFixture extends AsyncDisposable {
  readonly keys: KeyManager
  /** Another one over the same store, as after the process died. */
  reopen(): Promise<KeyManager>
  /** Changes what is stored of a key. */
  damage?(id: string): Promise<void>
}

const AES_256 = { algorithm: 'aes', bitLength: 256 } as const

/** What every key manager does; run by each implementation and by the simulated twin. */
export function keyManagerConformance(
  name: string,
  make: () => Promise<KeyManagerFixture>,
  traits: KeyManagerTraits = {},
): void {
  describe(`key manager: ${name}`, () => {
    let fixture: KeyManagerFixture
    let keys: KeyManager
    const made = new Set<string>()
    beforeEach(async () => {
      fixture = await make()
      keys = fixture.keys
    })
    afterEach(async () => {
      if (traits.shared) for (const id of made) await keys.delete(id)
      made.clear()
      await fixture[Symbol.asyncDispose]()
    })

    const create = async (spec: KeySpec = AES_256, signal?: AbortSignal): Promise<string> => {
      const id = await keys.create(spec, signal)
      made.add(id)
      return id
    }
    const listed = async (manager: KeyManager = keys): Promise<readonly string[]> => {
      const ids = await manager.list()
      assert.deepEqual(ids, [...new Set(ids)].sort())
      return traits.shared ? ids.filter(id => made.has(id)) : ids
    }
    const bytesOf = async (manager: KeyManager, id: string): Promise<string> => {
      using secret = (await manager.get(id)).secret
      return Buffer.from(secret.reveal()).toString('hex')
    }

    it('makes keys of the length asked for, each another', async () => {
      const [a, b] = [await create({ ...AES_256, name: 'volume' }), await create({ algorithm: 'aes', bitLength: 512 })]
      assert.ok(isUuid(a) && isUuid(b) && a !== b)
      const { secret, ...rest } = await keys.get(b)
      assert.deepEqual(rest, { id: b, algorithm: 'aes', bitLength: 512 })
      assert.equal(secret.length, 64)
      assert.equal((await bytesOf(keys, a)).length, 64)
      assert.notEqual((await bytesOf(keys, b)).slice(0, 64), await bytesOf(keys, a))
    })

    it('gives the same bytes each time, whatever became of the ones it gave', async () => {
      const id = await create()
      const first = await bytesOf(keys, id)
      assert.equal(await bytesOf(keys, id), first)
      assert.notEqual(first, '00'.repeat(32))
      assert.equal(await bytesOf(await fixture.reopen(), id), first)
    })

    it('lists ids, sorted, many made at once', async () => {
      assert.deepEqual(await listed(), [])
      const ids = await Promise.all(Array.from({ length: 12 }, () => create()))
      assert.deepEqual(await listed(), ids.sort())
      assert.deepEqual(await listed(await fixture.reopen()), ids)
    })

    it('deletes a key once', async () => {
      const [gone, kept] = [await create(), await create()]
      assert.equal(await keys.delete(gone), 'made')
      assert.equal(await keys.delete(gone), 'already')
      await assert.rejects(keys.get(gone), error => hasCode(error, 'key-not-found'))
      assert.deepEqual(await listed(), [kept])
    })

    it('knows no key that it did not make, nor one by a path', async () => {
      for (const id of ['00000000-0000-4000-8000-000000000000', '../x', '', 'A'.repeat(500)]) {
        await assert.rejects(keys.get(id), error => hasCode(error, 'key-not-found'), id)
        assert.equal(await keys.delete(id), 'already')
      }
    })

    if (!traits.outOfReach)
      it('refuses a damaged key, and says nothing of the others', async () => {
        assert.ok(fixture.damage)
        const [bad, good] = [await create(), await create()]
        await fixture.damage(bad)
        await assert.rejects(keys.get(bad), error => hasCode(error, 'key-store-corrupt'))
        assert.equal((await bytesOf(keys, good)).length, 64)
        assert.equal(await keys.delete(bad), 'made')
      })

    it('does nothing for a caller who has given up', async () => {
      const reason = new Error('enough')
      const signal = AbortSignal.abort(reason)
      await assert.rejects(create(AES_256, signal), error => error === reason)
      assert.deepEqual(await listed(), [])
    })
  })
}
