import assert from 'node:assert/strict'
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksChangeKey, luksFormat, luksPayloadOffset, luksSetUuid, testPassphrase } from './cryptsetup.ts'
import type { CommandRequest, Host } from './host.ts'
import { readLuksHeader } from './luks-header.ts'
import { createNodeHost } from './node-host.ts'

const UUID = '0a0b0c0d-1111-4222-8333-444455556666'
const KEY = '0f1e2d3c4b5a69788796a5b4c3d2e1f0'
const NEXT = 'ffeeddccbbaa99887766554433221100'
const FORMATS = ([1, 2] as const).flatMap(version =>
  ([256, 512] as const).map(keySizeBits => ({ version, keySizeBits, uuid: UUID, cipher: 'aes-xts-plain64' })),
)

const secret = (text: string) => new Secret(new TextEncoder().encode(text))

let folder: string
const ran: CommandRequest[] = []
const real = createNodeHost()
const host: Host = {
  ...real,
  run: async request => {
    ran.push(request)
    return await real.run(request)
  },
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-luks-'))
})
after(async () => await rm(folder, { recursive: true }))

async function formatted(name: string, format = FORMATS[1] as (typeof FORMATS)[number]): Promise<string> {
  const path = join(folder, name)
  await host.files.createSparse(path, 20 * MIB, 0o600)
  await luksFormat(host, path, format, secret(KEY))
  return path
}

async function overwrite(path: string, offset: number, bytes: string): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(Buffer.from(bytes), 0, bytes.length, offset)
  await file.close()
}

describe('LUKS volumes by cryptsetup', () => {
  for (const format of FORMATS) {
    it(`formats LUKS${format.version} with a key of ${format.keySizeBits} bits; our reading agrees`, async () => {
      const path = await formatted(`format-${format.version}-${format.keySizeBits}`, format)
      const payloadOffsetBytes = luksPayloadOffset(format.version, format.keySizeBits)
      assert.deepEqual(await readLuksHeader(host, path), {
        ...format,
        payloadOffsetBytes,
        derivation: { memoryBytes: 0, threads: 1 },
      })
      assert.equal((await host.files.stat(path))?.size, 20 * MIB)
      assert.equal(await testPassphrase(host, path, secret(KEY)), true)
      assert.equal(await testPassphrase(host, path, secret(`${KEY}\n`)), false)
    })

    it(`changes the key and the UUID of LUKS${format.version}, ${format.keySizeBits} bits`, async () => {
      const path = await formatted(`change-${format.version}-${format.keySizeBits}`, format)
      await assert.rejects(luksChangeKey(host, path, secret(NEXT), secret(KEY)), error => hasCode(error, 'wrong-key'))
      await luksChangeKey(host, path, secret(KEY), secret(`${NEXT}00`))
      assert.equal(await testPassphrase(host, path, secret(KEY)), false)
      assert.equal(await testPassphrase(host, path, secret(`${NEXT}00`)), true)
      await luksSetUuid(host, path, UUID.replace('0a', '1b'))
      assert.equal((await readLuksHeader(host, path))?.uuid, UUID.replace('0a', '1b'))
    })
  }

  it('refuses to format what is not blank, or too small, and leaves it as it is (I5)', async () => {
    const path = await formatted('twice')
    const again = luksFormat(host, path, { ...FORMATS[1], uuid: NEXT } as (typeof FORMATS)[number], secret(NEXT))
    await assert.rejects(again, error => hasCode(error, 'not-blank'))
    assert.equal(await testPassphrase(host, path, secret(KEY)), true)
    const late = join(folder, 'late')
    await host.files.createSparse(late, 20 * MIB, 0o600)
    await overwrite(late, 2 * MIB - 1, 'x')
    await assert.rejects(luksFormat(host, late, FORMATS[1] as never, secret(KEY)), error => hasCode(error, 'not-blank'))
    await truncate(late, 0)
    await truncate(late, 2 * MIB)
    await assert.rejects(luksFormat(host, late, FORMATS[1] as never, secret(KEY)), error => hasCode(error, 'too-small'))
  })

  it('gives no key byte to an argument list (I6)', () => {
    const args = JSON.stringify(ran.map(request => request.args))
    const hex = Buffer.from(KEY).toString('hex')
    for (const text of [KEY, NEXT, hex]) assert.ok(!args.includes(text), `${text} in ${args}`)
    assert.ok(ran.some(request => request.input))
  })
})

describe('reading a LUKS header', () => {
  const refuses = async (path: string, pattern: RegExp) =>
    await assert.rejects(readLuksHeader(host, path), (error: Error) => {
      assert.ok(hasCode(error, 'luks-header-corrupt'), String(error))
      assert.match(error.message, pattern)
      return true
    })

  it('finds none in anything else', async () => {
    const path = join(folder, 'other')
    for (const text of ['', 'LUK', 'x'.repeat(5000), `SKUL\u00ba\u00be`]) {
      await writeFile(path, text)
      assert.equal(await readLuksHeader(host, path), undefined)
    }
  })

  it('takes the second copy of a LUKS2 header when the first is damaged, and refuses when both are', async () => {
    const path = await formatted('second', FORMATS[3])
    const good = await readLuksHeader(host, path)
    await overwrite(path, 4500, 'garbage')
    assert.deepEqual(await readLuksHeader(host, path), good)
    await overwrite(path, 8, '\0\0\0\0\0\0\0\0')
    assert.deepEqual(await readLuksHeader(host, path), good)
    await overwrite(path, 16384 + 4500, 'garbage')
    await refuses(path, /both/)
  })

  it('refuses a LUKS1 header with nonsense in it, or cut off', async () => {
    const path = await formatted('nonsense', FORMATS[0])
    await overwrite(path, 104, '\0\0\0\0')
    await refuses(path, /where the data begins/)
    await overwrite(path, 168, '\0')
    await refuses(path, /UUID/)
    await overwrite(path, 6, '\0\x07')
    await refuses(path, /version 7/)
    await writeFile(path, Buffer.from('LUKS\xba\xbe\0\x01', 'latin1'))
    await refuses(path, /cut off/)
  })
})
