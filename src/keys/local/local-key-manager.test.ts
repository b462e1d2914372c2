import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type KeyManagerFixture, keyManagerConformance } from '../conformance.ts'
import { LocalKeyManager } from './local-key-manager.ts'
import { createMasterKeyFile } from './master-key.ts'

interface LocalFixture extends KeyManagerFixture {
  readonly keys: LocalKeyManager
  readonly directory: string
  readonly masterKeyFile: string
}

async function make(): Promise<LocalFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'))
  const host = createNodeHost()
  const [directory, masterKeyFile] = [join(folder, 'keys'), join(folder, 'master.key')]
  await createMasterKeyFile(host, masterKeyFile)
  const open = () => new LocalKeyManager({ host, directory, masterKeyFile })
  return {
    keys: open(),
    directory,
    masterKeyFile,
    reopen: async () => open(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

keyManagerConformance('local', make)

describe('local key manager', () => {
  const spec = { algorithm: 'aes', bitLength: 256 } as const

  it('keeps no key byte in clear on disk', async () => {
    await using fixture = await make()
    const id = await fixture.keys.create(spec)
    const key = Buffer.from((await fixture.keys.get(id)).secret.reveal())
    const stored = await readFile(join(fixture.directory, `${id}.key`))
    for (const form of [key, key.toString('hex'), key.toString('base64')]) assert.equal(stored.includes(form), false)
  })

  for (const mode of [0o644, 0o640, 0o660, 0o700]) {
    it(`refuses a master key of mode 0${mode.toString(8)} and says how to mend it`, async () => {
      await using fixture = await make()
      const id = await fixture.keys.create(spec)
      await chmod(fixture.masterKeyFile, mode)
      const named = (error: unknown) =>
        hasCode(error, 'key-file-mode') && (error as Error).message.includes(`0${mode.toString(8)}`)
      await assert.rejects(fixture.keys.get(id), named)
      await assert.rejects(fixture.keys.create(spec), named)
      assert.equal((await readdir(fixture.directory)).length, 1)
    })
  }

  it('takes a systemd credential, which is of mode 0400', async () => {
    await using fixture = await make()
    await chmod(fixture.masterKeyFile, 0o400)
    await fixture.keys.create(spec)
  })

  it('says that the master key is missing, or is none', async () => {
    await using fixture = await make()
    const id = await fixture.keys.create(spec)
    await writeFile(fixture.masterKeyFile, 'short')
    await assert.rejects(fixture.keys.get(id), error => hasCode(error, 'key-file-invalid'))
    await rm(fixture.masterKeyFile)
    await assert.rejects(fixture.keys.get(id), error => hasCode(error, 'key-file-missing'))
  })

  it('never gives a wrong key: another master key, another id, a changed byte', async () => {
    await using fixture = await make()
    const [one, two] = [await fixture.keys.create(spec), await fixture.keys.create(spec)]
    const path = (id: string) => join(fixture.directory, `${id}.key`)
    const corrupt = (error: unknown) => hasCode(error, 'key-store-corrupt')

    await rename(path(one), path(two))
    await assert.rejects(fixture.keys.get(two), corrupt)

    const three = await fixture.keys.create(spec)
    const stored = JSON.parse(await readFile(path(three), 'utf8'))
    await writeFile(path(three), JSON.stringify({ ...stored, name: 'changed' }))
    await assert.rejects(fixture.keys.get(three), corrupt)

    const four = await fixture.keys.create(spec)
    await rm(fixture.masterKeyFile)
    await createMasterKeyFile(createNodeHost(), fixture.masterKeyFile)
    await assert.rejects(fixture.keys.get(four), corrupt)
  })

  for (const content of ['', '{', '[]', 'null', '{"version":2}', '{"version":1,"algorithm":"aes","bitLength":256}']) {
    it(`names the damaged file: ${JSON.stringify(content)}`, async () => {
      await using fixture = await make()
      const id = await fixture.keys.create(spec)
      await writeFile(join(fixture.directory, `${id}.key`), content)
      await assert.rejects(
        fixture.keys.get(id),
        error => hasCode(error, 'key-store-corrupt') && (error as Error).message.includes(id),
      )
    })
  }

  it('is not disturbed by what a crash in the middle of a write leaves', async () => {
    await using fixture = await make()
    const id = await fixture.keys.create(spec)
    await writeFile(join(fixture.directory, `.${id}.key.tmp`), 'half')
    await writeFile(join(fixture.directory, 'README'), 'not a key')
    assert.deepEqual(await fixture.keys.list(), [id])
  })

  it('leaves a master key that is there as it is', async () => {
    await using fixture = await make()
    const before = await readFile(fixture.masterKeyFile)
    assert.equal(await createMasterKeyFile(createNodeHost(), fixture.masterKeyFile), 'already')
    assert.deepEqual(await readFile(fixture.masterKeyFile), before)
  })
})
