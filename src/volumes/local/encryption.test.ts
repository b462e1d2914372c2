import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { passphraseOf, type Secret } from '#src/core/secret.ts'
import { GIB, MIB } from '#src/core/sizes.ts'
import { luksPayloadOffset, testPassphrase } from '#src/host/cryptsetup.ts'
import type { CommandRequest, Host } from '#src/host/host.ts'
import { readLuksHeader } from '#src/host/luks-header.ts'
import { withMemoryFile } from '#src/host/memory-file.ts'
import { refused } from '../conformance-fixture.ts'
import type { LocalVolumeService } from './local-volume-service.ts'
import { LocalBench } from './testing.ts'

const PROVIDERS = ['luks', 'luks2'] as const

async function keyOf(bench: LocalBench, service: LocalVolumeService, id: string): Promise<Secret> {
  const { keyId = '' } = (await service.getVolumeEncryptionMetadata(id)) ?? {}
  return passphraseOf((await bench.keys.get(keyId)).secret)
}

const makeType = (service: LocalVolumeService, provider: (typeof PROVIDERS)[number]) =>
  service.createVolumeType({ name: provider, encryption: { provider } })

/** The first bytes of what a guest would see; by QEMU, which reads LUKS1: a copy of a LUKS2 volume is turned back. */
async function plaintext(bench: LocalBench, service: LocalVolumeService, id: string): Promise<string> {
  const copy = join(bench.folder, `look-${bench.host.random.uuid()}`)
  await bench.qemuImg('convert', '-f', 'raw', '-O', 'raw', bench.path(id), copy)
  if ((await readLuksHeader(bench.host, copy))?.version === 2) {
    await bench.host.run({ tool: 'cryptsetup', args: ['convert', '--batch-mode', '--type', 'luks1', copy] })
  }
  await withMemoryFile(await keyOf(bench, service, id), async secret => {
    const object = `secret,id=s,format=raw,file=${secret}`
    const from = `driver=raw,size=${MIB},file.driver=luks,file.key-secret=s,file.file.driver=file,file.file.filename=${copy}`
    await bench.qemuImg('convert', '--object', object, '--image-opts', from, '-O', 'raw', `${copy}.plain`)
  })
  return await readFile(`${copy}.plain`, 'latin1')
}

describe('encrypted volumes of the pool', () => {
  for (const provider of PROVIDERS) {
    const version = provider === 'luks2' ? 2 : 1

    it(`${provider}: the header is the volume's, and the payload is what was asked for`, async () => {
      await using bench = await LocalBench.make()
      const { service } = await bench.open()
      await makeType(service, provider)
      const { id } = await service.create({ size: 1, volumeType: provider })
      const payloadOffsetBytes = luksPayloadOffset(version, 512)
      assert.deepEqual(await readLuksHeader(bench.host, bench.path(id)), {
        version,
        uuid: id,
        cipher: 'aes-xts-plain64',
        keySizeBits: 512,
        payloadOffsetBytes,
        derivation: { memoryBytes: 0, threads: 1 },
      })
      const facts = await bench.host.files.stat(bench.path(id))
      assert.equal(facts?.size, payloadOffsetBytes + GIB)
      assert.ok((facts?.allocated ?? GIB) < 32 * MIB)
      assert.equal(await testPassphrase(bench.host, bench.path(id), await keyOf(bench, service, id)), true)
      await service.extend(id, 3)
      assert.equal((await bench.host.files.stat(bench.path(id)))?.size, payloadOffsetBytes + 3 * GIB)
    })

    it(`${provider}: an image is written through the encryption, and replaced by another`, async () => {
      await using bench = await LocalBench.make()
      const { service } = await bench.open()
      await makeType(service, provider)
      const imageFile = await bench.raw('comma, image.raw', 'first image ')
      const { id } = await service.create({ imageFile, volumeType: provider })
      assert.deepEqual(
        [
          (await readLuksHeader(bench.host, bench.path(id)))?.version,
          (await readLuksHeader(bench.host, bench.path(id)))?.uuid,
        ],
        [version, id],
      )
      const first = await readFile(imageFile, 'latin1')
      assert.equal(await plaintext(bench, service, id), first)
      assert.ok(!(await bench.host.files.readAt(bench.path(id), 2 * MIB, MIB)).toString().includes('first'))
      await service.reimageVolume(id, { imageFile: await bench.raw('two', 'second '), reimageReserved: false })
      assert.equal(await plaintext(bench, service, id), await readFile(join(bench.folder, 'two'), 'latin1'))
    })

    it(`${provider}: a copy has the content, a UUID and a key of its own; the key of its source does not open it`, async () => {
      await using bench = await LocalBench.make()
      const { service } = await bench.open()
      await makeType(service, provider)
      const imageFile = await bench.raw('image', 'content ')
      const origin = await service.create({ imageFile, volumeType: provider })
      const clone = await service.create({ sourceVolumeId: origin.id, size: 2 })
      const { id: snapshotId } = await service.createSnapshot(origin.id, {})
      const restored = await service.create({ snapshotId })
      const content = await readFile(imageFile, 'latin1')
      const old = await keyOf(bench, service, origin.id)
      for (const { id } of [clone, restored]) {
        assert.equal((await readLuksHeader(bench.host, bench.path(id)))?.uuid, id)
        assert.equal(await testPassphrase(bench.host, bench.path(id), old), false)
        assert.equal(await testPassphrase(bench.host, bench.path(id), await keyOf(bench, service, id)), true)
        assert.equal(await plaintext(bench, service, id), content)
      }
      const snapshot = join(bench.directory, 'pool', `snapshot-${snapshotId}`)
      assert.equal((await readLuksHeader(bench.host, snapshot))?.uuid, snapshotId)
      assert.equal(await testPassphrase(bench.host, snapshot, old), false)
      assert.equal(await plaintext(bench, service, origin.id), content)
    })
  }

  it('key bytes never reach an argument, an output or a file (I6)', async () => {
    await using bench = await LocalBench.make()
    const ran: string[] = []
    const run = async (request: CommandRequest) => {
      const result = await bench.host.run(request)
      ran.push(request.args.join(' '), result.stdout, result.stderr)
      return result
    }
    const host: Host = { ...bench.host, run }
    const { service } = await bench.open({ host })
    await makeType(service, 'luks2')
    const { id } = await service.create({ imageFile: await bench.raw('image', 'x'), volumeType: 'luks2' })
    await service.create({ sourceVolumeId: id })
    service.close()
    const bytes = [...bench.keys.stored.values()].map(key => Buffer.from(key))
    assert.equal(bytes.length, 2)
    const texts = [...ran.map(text => Buffer.from(text)), await readFile(join(bench.directory, 'volumes.db'))]
    for (const name of await bench.pool()) {
      texts.push(Buffer.from(await bench.host.files.readAt(join(bench.directory, 'pool', name), 0, 4 * MIB)))
    }
    assert.ok(ran.length > 6)
    for (const key of bytes) {
      for (const text of texts) {
        assert.ok(!text.includes(key) && !text.includes(key.toString('hex')) && !text.includes(key.toString('base64')))
      }
    }
  })

  it('restored from a backup under the same path is known by its header', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    await makeType(service, 'luks')
    const { id } = await service.create({ size: 1, volumeType: 'luks' })
    await bench.qemuImg('convert', '-f', 'raw', '-O', 'raw', bench.path(id), join(bench.folder, 'backup'))
    await bench.host.files.rename(join(bench.folder, 'backup'), bench.path(id))
    await service.createSnapshot(id, {})
  })

  it('whose key is lost cannot be copied, and nothing is left of the copy', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    await makeType(service, 'luks')
    const { id } = await service.create({ size: 1, volumeType: 'luks' })
    const files = await bench.pool()
    bench.keys.stored.clear()
    await refused(service.create({ sourceVolumeId: id }), 'not-found', 'key-not-found')
    assert.deepEqual([await bench.pool(), bench.keys.stored.size], [files, 0])
    await service.delete(id)
  })
})
