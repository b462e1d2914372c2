import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Encryptor, UnlockRequest } from './encryptor.ts'

/** A passphrase that opens the volumes of every fixture, and one that does not. */
export const RIGHT = '6f70656e20736573616d65'
export const WRONG = '7f70656e20736573616d65'

export interface EncryptorFixture extends AsyncDisposable {
  readonly encryptor: Encryptor
  /** A LUKS volume that `RIGHT` opens, its LUKS UUID its id, connected as the encryptor needs it. */
  volume(): Promise<UnlockRequest>
  /** The header of the volume is damaged, or it is blank, or it is another volume's. */
  spoil(request: UnlockRequest, how: 'damaged' | 'blank' | 'foreign'): Promise<void>
  /** Where a key slot can cost something: the one of the volume takes 32 KiB and one thread from now on. */
  stretch?(request: UnlockRequest): Promise<void>
  /** What lies at the head of the volume, to see that nothing was written. */
  head(request: UnlockRequest): Promise<string>
  /** The storage goes away below. */
  drop(request: UnlockRequest): Promise<void>
  /** Another encryptor, as after the process died. */
  restart(): Promise<Encryptor>
  /** Where views can be busy: keeps one open. The word names the holder in an error. */
  hold?(path: string): Promise<{ readonly holder: string; release(): Promise<void> }>
  /** Where a view has a name of its own: something stands there already, over the storage of another volume. */
  putInTheWay?(request: UnlockRequest, what: 'stale' | 'crypt' | 'linear'): Promise<void>
}

/**
 * What every encryptor that decrypts does; run by each implementation and by the simulated twins.
 * `mappings`: its views are devices with names of their own, which can be busy or stale; `hold` and `putInTheWay` are there.
 */
export function encryptorConformance(
  name: string,
  traits: { readonly mappings: boolean },
  make: () => Promise<EncryptorFixture>,
): void {
  describe(`encryptor: ${name}`, () => {
    let fixture: EncryptorFixture
    let encryptor: Encryptor
    beforeEach(async () => {
      fixture = await make()
      encryptor = fixture.encryptor
    })
    afterEach(async () => await fixture[Symbol.asyncDispose]())

    const key = (text = RIGHT) => new Secret(new TextEncoder().encode(text))
    const refused = async (work: Promise<unknown>, code: string, pattern = /./) =>
      await assert.rejects(work, (error: unknown) => {
        assert.ok(error instanceof HoldfastError, String(error))
        assert.equal(error.code, code, error.message)
        assert.match(error.message, pattern)
        for (const text of [RIGHT, WRONG]) assert.ok(!JSON.stringify([error.message, error.details]).includes(text))
        return true
      })
    const refusedByBoth = async (request: UnlockRequest, code: string, text = RIGHT, pattern?: RegExp) => {
      await refused(encryptor.check(request, key(text)), code, pattern)
      await refused(encryptor.unlock(request, key(text)), code, pattern)
      assert.equal(await encryptor.probe(request), undefined)
    }

    it('checks without making anything', async () => {
      const request = await fixture.volume()
      await encryptor.check(request, key())
      assert.equal(await encryptor.probe(request), undefined)
      assert.equal(await encryptor.lock(request), 'already')
    })

    it('unlocks, finds the view again, and locks; each verb twice (I3)', async () => {
      const request = await fixture.volume()
      const { change, view } = await encryptor.unlock(request, key())
      assert.equal(change, 'made')
      assert.equal(view.mechanism, encryptor.mechanism)
      assert.equal(view.luksUuid, request.volumeId)
      assert.ok(view.sizeBytes > 0 && view.sizeBytes < request.source.sizeBytes)
      assert.deepEqual(await encryptor.unlock(request, key()), { change: 'already', view })
      assert.deepEqual(await encryptor.probe(request), view)
      assert.equal(await encryptor.lock(request), 'made')
      assert.equal(await encryptor.lock(request), 'already')
      assert.equal(await encryptor.probe(request), undefined)
    })

    it('tells what a derivation takes, from the header alone', async () => {
      const request = await fixture.volume()
      assert.deepEqual(await encryptor.cost(request), { memoryBytes: 0, threads: 1 })
      if (fixture.stretch) {
        const cost = { memoryBytes: 32 * 1024, threads: 1 }
        await fixture.stretch(request)
        assert.deepEqual(await encryptor.cost(request), cost)
        assert.deepEqual(await encryptor.cost({ ...request, luksUuid: undefined }), cost)
      }
      assert.equal(await encryptor.probe(request), undefined)
    })

    it('tells the cost of no header but that of the volume', async () => {
      const request = await fixture.volume()
      await refused(encryptor.cost({ ...request, encryption: undefined }), 'encryption-unsupported')
      const codes = { foreign: 'wrong-device', damaged: 'not-luks', blank: 'not-luks' } as const
      for (const how of ['foreign', 'damaged', 'blank'] as const) {
        await fixture.spoil(request, how)
        await refused(encryptor.cost(request), codes[how], new RegExp(request.volumeId))
      }
    })

    it('lists what stands, with whose it is, and changes nothing', async () => {
      const [request, other] = [await fixture.volume(), await fixture.volume()]
      const ours = async () =>
        (await encryptor.list()).filter(({ volumeId }) => volumeId === request.volumeId || volumeId === other.volumeId)
      assert.deepEqual(await ours(), [])
      const { view } = await encryptor.unlock(request, key())
      const [found, ...more] = await ours()
      assert.deepEqual(more, [])
      assert.equal(found?.volumeId, request.volumeId)
      if (traits.mappings) {
        assert.deepEqual([found.path, found.luksUuid, found.over], [view.path, request.volumeId, request.source.path])
        const held = await fixture.hold?.(view.path)
        assert.ok((await ours())[0]?.holders.some(holder => holder.includes(held?.holder ?? '?')))
        await held?.release()
        // Others may look in passing (udev).
        assert.ok(!(await ours())[0]?.holders.some(holder => holder.includes(held?.holder ?? '')))
      }
      assert.deepEqual(await encryptor.probe(request), view)
      await encryptor.lock(request)
      assert.deepEqual(await ours(), [])
    })

    it('takes a volume of which no UUID is recorded yet, and tells its UUID', async () => {
      const request = { ...(await fixture.volume()), luksUuid: undefined }
      await encryptor.check(request, key())
      assert.equal((await encryptor.unlock(request, key())).view.luksUuid, request.volumeId)
      await encryptor.lock(request)
    })

    it('finds and locks what a process that died had unlocked (I4)', async () => {
      const request = await fixture.volume()
      const { view } = await encryptor.unlock(request, key())
      const next = await fixture.restart()
      assert.deepEqual(await next.probe(request), view)
      assert.deepEqual(await next.unlock(request, key()), { change: 'already', view })
      assert.equal(await next.lock(request), 'made')
    })

    it('refuses a wrong key', async () => {
      const request = await fixture.volume()
      await refusedByBoth(request, 'wrong-key', WRONG)
      await refusedByBoth(request, 'wrong-key', `${RIGHT}\n`)
      assert.equal((await encryptor.unlock(request, key())).change, 'made')
      await encryptor.lock(request)
    })

    it('never writes a header: what is no LUKS volume, or a damaged one, stays as it is (I5)', async () => {
      for (const how of ['blank', 'damaged'] as const) {
        const request = await fixture.volume()
        await fixture.spoil(request, how)
        const before = await fixture.head(request)
        await refusedByBoth(request, 'not-luks', RIGHT, new RegExp(request.volumeId))
        assert.equal(await fixture.head(request), before)
      }
    })

    it("refuses another volume's header, and says whose it is (I2)", async () => {
      const request = await fixture.volume()
      await fixture.spoil(request, 'foreign')
      await refusedByBoth(request, 'wrong-device', RIGHT, /found the LUKS header of volume [0-9a-f-]{36}/)
    })

    it('refuses a header of another kind than recorded', async () => {
      const request = await fixture.volume()
      const { encryption } = request
      assert.ok(encryption)
      for (const change of [{ cipher: 'null-ecb' }, { keySize: 128 }, { keySize: 1024 }]) {
        await refusedByBoth({ ...request, encryption: { ...encryption, ...change } }, 'encryption-mismatch')
      }
    })

    it('takes a header whose two keys of XTS are recorded as one, as QEMU counts them', async () => {
      const request = await fixture.volume()
      const { encryption } = request
      assert.ok(encryption?.keySize)
      const counted = { ...request, encryption: { ...encryption, keySize: encryption.keySize / 2 } }
      await encryptor.check(counted, key())
      assert.equal((await encryptor.unlock(counted, key())).change, 'made')
      await encryptor.lock(counted)
    })

    it('refuses what it cannot decrypt', async () => {
      const request = await fixture.volume()
      const { encryption } = request
      assert.ok(encryption)
      const others = [
        undefined,
        { ...encryption, provider: 'plain' as const },
        { ...encryption, controlLocation: 'back-end' as const },
      ]
      for (const other of others) await refusedByBoth({ ...request, encryption: other }, 'encryption-unsupported')
    })

    it('keeps two volumes apart, and shows no view over the storage of the other (I1)', async () => {
      const [a, b] = [await fixture.volume(), await fixture.volume()]
      const first = await encryptor.unlock(a, key())
      const second = await encryptor.unlock(b, key())
      assert.notDeepEqual(first.view, second.view)
      assert.equal(await encryptor.probe({ ...a, source: b.source }), undefined)
      assert.equal(await encryptor.probe({ ...b, luksUuid: a.volumeId }), undefined)
      assert.equal(await encryptor.lock(a), 'made')
      assert.deepEqual(await encryptor.probe(b), second.view)
      assert.equal(await encryptor.lock(b), 'made')
    })

    it('locks although the storage is gone', async () => {
      const request = await fixture.volume()
      await encryptor.unlock(request, key())
      await fixture.drop(request)
      assert.equal(await encryptor.lock(request), 'made')
      assert.equal(await encryptor.lock(request), 'already')
    })

    it('does nothing for a caller who has given up', async () => {
      const reason = new Error('enough')
      const request = await fixture.volume()
      const signal = AbortSignal.abort(reason)
      await assert.rejects(encryptor.unlock(request, key(), signal), error => error === reason)
      assert.equal(await encryptor.probe(request), undefined)
    })

    if (!traits.mappings) return

    it('names who keeps a view busy, leaves it as it was, and locks when they are gone', async () => {
      assert.ok(fixture.hold)
      const request = await fixture.volume()
      const { view } = await encryptor.unlock(request, key())
      const { holder, release } = await fixture.hold(view.path)
      await refused(encryptor.lock(request), 'busy', new RegExp(`${view.path}.*${holder}`))
      assert.deepEqual(await encryptor.probe(request), view)
      await release()
      assert.equal(await encryptor.lock(request), 'made')
    })

    it('replaces a stale view of its name if nobody uses it, else tells (I2)', async () => {
      assert.ok(fixture.putInTheWay && fixture.hold)
      const request = await fixture.volume()
      await fixture.putInTheWay(request, 'stale')
      assert.equal(await encryptor.probe(request), undefined)
      await encryptor.check(request, key())
      const { holder, release } = await fixture.hold(`/dev/mapper/crypt-${request.volumeId}`)
      await refused(encryptor.unlock(request, key()), 'busy', new RegExp(holder))
      await release()
      const { change, view } = await encryptor.unlock(request, key())
      assert.equal(change, 'made')
      assert.deepEqual(await encryptor.probe(request), view)
      assert.equal(await encryptor.lock(request), 'made')
    })

    for (const what of ['linear', 'crypt'] as const) {
      it(`leaves alone what has its name and is not of its making, and says so before: ${what}`, async () => {
        assert.ok(fixture.putInTheWay)
        const request = await fixture.volume()
        await fixture.putInTheWay(request, what)
        const says = what === 'linear' ? /linear/ : /UUID/
        assert.equal(await encryptor.probe(request), undefined)
        await refused(encryptor.check(request, key()), 'wrong-device', says)
        await refused(encryptor.unlock(request, key()), 'wrong-device', says)
        await refused(encryptor.lock(request), 'wrong-device', says)
        const name = `crypt-${request.volumeId}`
        const found = (await encryptor.list()).find(view => view.name === name)
        assert.equal(found?.path, `/dev/mapper/${name}`)
        // Whose a crypt mapping is its LUKS UUID tells, which is not the recorded one here; what is none is nobody's.
        assert.equal(found.volumeId, what === 'linear' ? undefined : request.volumeId)
        assert.equal(found.luksUuid === undefined, what === 'linear')
        assert.ok(found.over !== undefined && found.over !== request.source.path)
      })
    }
  })
}
