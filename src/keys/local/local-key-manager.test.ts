import assert from 'node:assert/strict'
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { keyManagerConformance } from '../conformance.ts'
import { LocalKeyManager } from './local-key-manager.ts'
import { createMasterKeyFile } from './master-key.ts'

const host = createNodeHost()

async function store() {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'))
  const masterFile = join(folder, 'master-key')
  const directory = join(folder, 'keys')
  await createMasterKeyFile(host, masterFile)
  const open = (kind: 'file' | 'credential' = 'file') =>
    new LocalKeyManager(host, { directory, masterKey: { path: masterFile, kind } })
  const remove = async () => await rm(folder, { recursive: true })
  return { directory, masterFile, open, remove }
}

keyManagerConformance('files of this host', async () => {
  const { directory, open, remove } = await store()
  return {
    keys: open(),
    reopen: async () => open(),
    damage: async id => await flip(join(directory, `${id}.key`), 'sealed'),
    [Symbol.asyncDispose]: remove,
  }
})

/** Changes one bit of a byte field. */
async function flip(path: string, field: string): Promise<void> {
  const file = JSON.parse(await readFile(path, 'utf8'))
  const bytes = Buffer.from(file[field], 'base64')
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await writeFile(path, JSON.stringify({ ...file, [field]: bytes.toString('base64') }))
}

describe('the embedded key store', () => {
  let at: Awaited<ReturnType<typeof store>>
  let keys: LocalKeyManager
  beforeEach(async () => {
    at = await store()
    keys = at.open()
  })
  afterEach(async () => await at.remove())

  const make = async () => await keys.create({ algorithm: 'aes', bitLength: 256 })
  const file = (id: string) => join(at.directory, `${id}.key`)
  const refused = async (id: string, code: string, pattern: RegExp) =>
    await assert.rejects(at.open().get(id), (error: HoldfastError) => {
      assert.equal(error.code, code, error.message)
      assert.match(`${error.message} ${error.details.hint}`, pattern)
      return true
    })

  it('has neither key nor master key in any of its files (I6)', async () => {
    const id = await make()
    const content = await readFile(file(id))
    const { secret } = await keys.get(id)
    for (const bytes of [Buffer.from(secret.reveal()), await readFile(at.masterFile)]) {
      for (const encoding of ['latin1', 'hex', 'base64'] as const) {
        assert.ok(!content.toString('latin1').includes(bytes.toString(encoding)), encoding)
      }
    }
    assert.equal((await host.files.stat(file(id)))?.mode, 0o600)
    assert.equal((await host.files.stat(at.directory))?.mode, 0o700)
  })

  it('refuses a file with any field changed, and names it', async () => {
    for (const field of ['nonce', 'sealed', 'tag']) {
      const id = await make()
      await flip(file(id), field)
      await refused(id, 'key-store-corrupt', new RegExp(`${id}\\.key.*seal is broken`))
    }
    const id = await make()
    const good = JSON.parse(await readFile(file(id), 'utf8'))
    const changes = [
      { version: 2 },
      { bitLength: 512 },
      { tag: 'AAAA' },
      { nonce: 7 },
      { id: at.directory },
      { algorithm: 'x' },
    ]
    for (const change of changes) {
      await writeFile(file(id), JSON.stringify({ ...good, ...change }))
      await refused(id, 'key-store-corrupt', /restore this file/)
    }
    for (const text of ['', '{', '[]', 'null']) {
      await writeFile(file(id), text)
      await refused(id, 'key-store-corrupt', new RegExp(file(id)))
    }
  })

  it("refuses another key's file in its place", async () => {
    const [a, b] = [await make(), await make()]
    await copyFile(file(a), file(b))
    await refused(b, 'key-store-corrupt', new RegExp(`file of key ${a}`))
    const swapped = JSON.parse(await readFile(file(a), 'utf8'))
    await writeFile(file(b), JSON.stringify({ ...swapped, id: b }))
    await refused(b, 'key-store-corrupt', /seal is broken/)
  })

  it('tells a wrong master key from a damaged store', async () => {
    const id = await make()
    await writeFile(at.masterFile, Buffer.alloc(32, 7))
    await refused(id, 'master-key-wrong', /another master key/)
    await writeFile(at.masterFile, Buffer.alloc(31))
    await refused(id, 'master-key-size', /31 bytes/)
    await rm(at.masterFile)
    await refused(id, 'master-key-missing', /no master key at/)
    await assert.rejects(make(), error => hasCode(error, 'master-key-missing'))
  })

  it('refuses a master key that others may read, and says what to do', async () => {
    const id = await make()
    for (const mode of [0o640, 0o644, 0o400, 0o666]) {
      await chmod(at.masterFile, mode)
      await refused(id, 'key-file-mode', new RegExp(`mode 0${mode.toString(8)}, not 0600 chmod 600 `))
    }
    await assert.rejects(at.open('credential').get(id), error => hasCode(error, 'key-file-mode'))
    await chmod(at.masterFile, 0o400)
    assert.equal((await at.open('credential').get(id)).bitLength, 256)
  })

  it('never replaces a master key', async () => {
    const before = await readFile(at.masterFile)
    assert.equal(await createMasterKeyFile(host, at.masterFile), 'already')
    assert.deepEqual(await readFile(at.masterFile), before)
  })

  it('passes over what a crash in a write left, and clears it away at the next key', async () => {
    const id = await make()
    const left = `${file('00000000-0000-4000-8000-00000000000a')}.x.holdfast-tmp`
    await writeFile(left, 'half')
    assert.deepEqual(await at.open().list(), [id])
    const next = await at.open().create({ algorithm: 'aes', bitLength: 256 })
    assert.deepEqual((await readdir(at.directory)).sort(), [`${id}.key`, `${next}.key`].sort())
  })

  it('names itself in errors of the file system', async () => {
    const failing = (kind: 'forbidden' | 'host-command', code: string) => ({
      ...host,
      files: {
        ...host.files,
        read: async () => {
          throw new HoldfastError(kind, code, 'no')
        },
      },
    })
    const options = { directory: at.directory, masterKey: { path: at.masterFile, kind: 'file' } } as const
    const id = await make()
    for (const [kind, code, expected] of [
      ['forbidden', 'forbidden', 'key-forbidden'],
      ['host-command', 'io-error', 'key-manager-unavailable'],
    ] as const) {
      await assert.rejects(new LocalKeyManager(failing(kind, code), options).get(id), error => hasCode(error, expected))
    }
  })
})
