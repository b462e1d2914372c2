import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { passphraseOf } from '#src/core/secret.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { SimKeyManager } from '#src/sim/key-manager.ts'
import { World } from '#src/sim/world.ts'
import { keyManagerConformance } from '../conformance.ts'
import { FIXED_KEY_ID } from './fixed-key-id.ts'
import { FixedKeyManager } from './fixed-key-manager.ts'
import { MigrationKeyManager } from './migration-key-manager.ts'

const AES = { algorithm: 'aes', bitLength: 256 } as const
const HEX = '0725230bff'.padEnd(64, 'a1')
const host = createNodeHost()

async function fixedKey(content = HEX) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-fixed-'))
  const path = join(folder, 'fixed-key')
  await writeFile(path, content, { mode: 0o600 })
  return {
    path,
    keys: new FixedKeyManager(host, { path, kind: 'file' }),
    remove: () => rm(folder, { recursive: true }),
  }
}

keyManagerConformance('fixed key, and the others elsewhere', async () => {
  const { keys: fixed, remove } = await fixedKey()
  const world = new World()
  const backend = new SimKeyManager(world)
  return {
    keys: new MigrationKeyManager(fixed, backend),
    reopen: async () => new MigrationKeyManager(fixed, new SimKeyManager(world)),
    damage: async id => {
      const key = backend.keys.get(id)
      if (key) key.damaged = true
    },
    [Symbol.asyncDispose]: remove,
  }
})

describe('the fixed key', () => {
  let at: Awaited<ReturnType<typeof fixedKey>>
  let keys: FixedKeyManager
  beforeEach(async () => {
    at = await fixedKey()
    keys = at.keys
  })
  afterEach(async () => await at.remove())

  const hexOf = async (id: string) => {
    using secret = (await keys.get(id)).secret
    return Buffer.from(passphraseOf(secret).reveal()).toString()
  }
  const refused = async (code: string, pattern: RegExp) => {
    for (const work of [() => keys.get(FIXED_KEY_ID), () => keys.create(AES)]) {
      await assert.rejects(work, (error: HoldfastError) => {
        assert.equal(error.code, code, error.message)
        assert.match(error.message, pattern)
        return true
      })
    }
  }

  it('is one for all, leading zeros kept', async () => {
    const [a, b] = [await keys.create({ ...AES, name: 'a' }), await keys.create({ ...AES, name: 'b' })]
    assert.deepEqual([a, b], [FIXED_KEY_ID, FIXED_KEY_ID])
    assert.equal(await hexOf(a), HEX)
    assert.equal(await hexOf(a), HEX)
    assert.deepEqual(await keys.list(), [FIXED_KEY_ID])
    const { secret, ...key } = await keys.get(a)
    assert.deepEqual([key, secret.length], [{ id: FIXED_KEY_ID, algorithm: 'aes', bitLength: 256 }, 32])
  })

  it('is read with digits of either case and a newline at its end', async () => {
    for (const text of [`${HEX}\n`, `${HEX.toUpperCase()}\r\n`]) {
      await writeFile(at.path, text)
      assert.equal(await hexOf(FIXED_KEY_ID), HEX)
    }
  })

  it('is never deleted', async () => {
    for (const id of [FIXED_KEY_ID, '00000000-0000-4000-8000-000000000000', '']) {
      assert.equal(await keys.delete(id), 'already')
    }
    assert.equal(await readFile(at.path, 'utf8'), HEX)
  })

  it('answers to no other id', async () => {
    for (const id of ['00000000-0000-4000-8000-000000000000', '', '0', '../fixed-key']) {
      await assert.rejects(keys.get(id), error => hasCode(error, 'key-not-found'), id)
    }
  })

  it('is of the length that is asked for', async () => {
    const longer = keys.create({ algorithm: 'aes', bitLength: 512 })
    await assert.rejects(longer, error => hasCode(error, 'fixed-key-length'))
  })

  it('is refused if its file is not as it must be', async () => {
    for (const text of ['', 'a1', `${HEX}0`, `${HEX} a1`, `0x${HEX}`, HEX.replace('a1', 'g1'), 'a1'.repeat(65)]) {
      await writeFile(at.path, text)
      await refused('key-store-corrupt', new RegExp(`fixed key in ${at.path} is not 16 to 64 bytes`))
    }
    await chmod(at.path, 0o644)
    await refused('key-file-mode', /fixed key file .* mode 0644, not 0600/)
    await rm(at.path)
    await refused('fixed-key-missing', /no fixed key at/)
    assert.deepEqual(await keys.list(), [])
  })

  it('names itself in errors of the file system', async () => {
    for (const [kind, code, expected] of [
      ['forbidden', 'forbidden', 'key-forbidden'],
      ['host-command', 'io-error', 'key-manager-unavailable'],
    ] as const) {
      const read = async () => {
        throw new HoldfastError(kind, code, 'no')
      }
      const failing = new FixedKeyManager({ files: { ...host.files, read } }, { path: at.path, kind: 'file' })
      await assert.rejects(failing.get(FIXED_KEY_ID), error => hasCode(error, expected))
      await assert.rejects(failing.list(), error => hasCode(error, expected))
    }
  })

  it('does nothing for a caller who has given up', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    for (const work of [
      () => keys.get(FIXED_KEY_ID, signal),
      () => keys.create(AES, signal),
      () => keys.list(signal),
    ]) {
      await assert.rejects(work, /enough/)
    }
  })
})

describe('a key manager beside a fixed key', () => {
  it('gives the fixed key for its id, and never asks the key manager about it', async () => {
    const at = await fixedKey()
    const world = new World()
    const backend = new SimKeyManager(world)
    const keys = new MigrationKeyManager(at.keys, backend)
    const id = await keys.create(AES)
    assert.notEqual(id, FIXED_KEY_ID)
    assert.equal((await keys.get(FIXED_KEY_ID)).secret.length, 32)
    assert.equal(await keys.delete(FIXED_KEY_ID), 'already')
    assert.deepEqual(await keys.list(), [id])
    assert.deepEqual([...backend.keys.keys()], [id])
    await at.remove()
    assert.equal((await keys.get(id)).id, id)
    await assert.rejects(keys.get(FIXED_KEY_ID), error => hasCode(error, 'fixed-key-missing'))
  })
})
