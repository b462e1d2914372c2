import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type HoldfastError, hasCode } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { CommandRequest, Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type Secrets, secretXml } from '#src/libvirt/index.ts'
import { encryptorConformance, RIGHT, WRONG } from '../conformance.ts'
import { headOf, makeLuksFile, spoilLuks } from '../test-volumes.ts'
import { NativeEncryptor } from './native-encryptor.ts'

const ran: CommandRequest[] = []
const real = createNodeHost()
/** This machine, with a record of all that was run. */
const host: Host = {
  ...real,
  run: async request => {
    ran.push(request)
    return await real.run(request)
  },
}

interface Kept {
  uuid: string
  description?: string
  usage: string
  value?: string
}

/** What a hypervisor keeps, in memory. */
function keptSecrets(): Secrets & { readonly kept: Kept[] } {
  const kept: Kept[] = []
  return {
    kept,
    async define({ uuid, usage, description }) {
      if (!kept.some(other => other.uuid === uuid && other.usage === usage)) kept.push({ uuid, usage, description })
    },
    async setValue(uuid, value) {
      const secret = kept.find(other => other.uuid === uuid)
      assert.ok(secret)
      secret.value = Buffer.from(value).toString()
    },
    async lookupByUsage(usage) {
      const secret = kept.find(other => other.usage === usage)
      return secret && { uuid: secret.uuid, hasValue: secret.value !== undefined }
    },
    list: async () => kept.map(one => ({ description: '', ...one })).toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1)),
    async undefine(uuid) {
      const at = kept.findIndex(other => other.uuid === uuid)
      if (at >= 0) kept.splice(at, 1)
      return at >= 0
    },
  }
}

async function make() {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-native-'))
  const secrets = keptSecrets()
  return {
    secrets,
    encryptor: new NativeEncryptor(host, secrets),
    volume: async (version: 1 | 2 = 1) => await makeLuksFile(host, folder, version),
    spoil: async (request: Volume, how: 'damaged' | 'blank' | 'foreign') =>
      await spoilLuks(host, request.source.path, how),
    head: async (request: Volume) => await headOf(host, request.source.path),
    drop: async (request: Volume) => {
      await host.files.remove(request.source.path)
    },
    restart: async () => new NativeEncryptor(host, secrets),
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true }),
  }
}
type Volume = Awaited<ReturnType<typeof makeLuksFile>>

encryptorConformance('LUKS by QEMU itself', { mappings: false }, make)

const key = () => new Secret(new TextEncoder().encode(RIGHT))

describe('the native encryptor', () => {
  it('gives QEMU the file and a secret of the name of the volume', async () => {
    await using fixture = await make()
    const request = await fixture.volume()
    const { view } = await fixture.encryptor.unlock(request, key())
    assert.deepEqual(view, {
      mechanism: 'native',
      kind: 'file',
      path: request.source.path,
      sizeBytes: request.source.sizeBytes - 2 ** 21,
      secretUuid: request.volumeId,
      luksUuid: request.volumeId,
    })
    const description = `Holdfast: passphrase of volume ${request.volumeId}`
    const { volumeId: uuid } = request
    assert.deepEqual(fixture.secrets.kept, [{ uuid, usage: uuid, description, value: RIGHT }])
  })

  it('counts a secret without a value as nothing, and gives it one (I4)', async () => {
    await using fixture = await make()
    const request = await fixture.volume()
    fixture.secrets.kept.push({ uuid: request.volumeId, usage: request.volumeId })
    assert.equal(await fixture.encryptor.probe(request), undefined)
    assert.equal((await fixture.encryptor.unlock(request, key())).change, 'made')
    assert.equal(fixture.secrets.kept.length, 1)
  })

  it('gives the value anew although there is one, for that may be an old one', async () => {
    await using fixture = await make()
    const request = await fixture.volume()
    fixture.secrets.kept.push({ uuid: request.volumeId, usage: request.volumeId, value: WRONG })
    assert.equal((await fixture.encryptor.unlock(request, key())).change, 'already')
    assert.equal(fixture.secrets.kept[0]?.value, RIGHT)
  })

  it("leaves a foreign secret of the volume's usage alone, and names it", async () => {
    await using fixture = await make()
    const request = await fixture.volume()
    const foreign = { uuid: '00000000-0000-4000-8000-000000000bad', usage: request.volumeId, value: 'theirs' }
    fixture.secrets.kept.push(foreign)
    const refused = (error: HoldfastError) => error.code === 'secret-foreign' && error.message.includes(foreign.uuid)
    await assert.rejects(fixture.encryptor.check(request, key()), refused)
    await assert.rejects(fixture.encryptor.unlock(request, key()), refused)
    await assert.rejects(fixture.encryptor.lock(request), refused)
    assert.equal(await fixture.encryptor.probe(request), undefined)
    assert.deepEqual(fixture.secrets.kept, [foreign])
  })

  it('lists its own secrets with their volumes, and those of others without', async () => {
    await using fixture = await make()
    const { volumeId: ours } = await fixture.volume()
    const others = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b']
    const [nova = '', another = ''] = others
    const description = 'Holdfast: passphrase of volume'
    fixture.secrets.kept.push(
      { uuid: ours, usage: ours, description: `${description} ${ours} (no value yet)` },
      { uuid: nova, usage: nova, description: 'made by something else' },
      { uuid: another, usage: ours, description: `${description} ${another}` },
    )
    const views = [
      { name: ours, volumeId: ours, holders: [] },
      { name: nova, holders: [] },
      { name: another, holders: [] },
    ]
    assert.deepEqual(
      await fixture.encryptor.list(),
      views.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    )
  })

  it('refuses LUKS2, which QEMU cannot decrypt', async () => {
    await using fixture = await make()
    const request = await fixture.volume(2)
    await assert.rejects(fixture.encryptor.cost(request), error => hasCode(error, 'encryption-unsupported'))
    await assert.rejects(fixture.encryptor.check(request, key()), error => hasCode(error, 'encryption-unsupported'))
    await assert.rejects(fixture.encryptor.unlock(request, key()), error => hasCode(error, 'encryption-unsupported'))
  })

  it('escapes what goes into XML (I10)', () => {
    const xml = secretXml('volume', { uuid: 'u', usage: `</volume>"&'`, description: '<x>' })
    assert.ok(xml.includes('<volume>&lt;/volume&gt;&quot;&amp;&apos;</volume>'), xml)
    assert.ok(xml.includes('<description>&lt;x&gt;</description>'), xml)
  })
})

describe('tools that were run meanwhile (I6)', () => {
  it('had no byte of a key in their arguments, in any spelling', () => {
    const spellings = [RIGHT, WRONG].flatMap(text => [
      text,
      Buffer.from(text).toString('hex'),
      Buffer.from(text, 'hex').toString('latin1'),
    ])
    const withInput = ran.filter(({ input }) => input && Buffer.from(input).toString().includes(RIGHT))
    assert.ok(ran.length > 30 && withInput.length > 10, `${ran.length} runs, ${withInput.length} with the key by stdin`)
    for (const { tool, args } of ran) {
      for (const text of spellings) assert.ok(!args.join(' ').includes(text), `${tool} ${args.join(' ')}`)
    }
  })
})
