import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { asHoldfastError, type HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { luksFormat } from '#src/host/cryptsetup.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { FaultyDevice, output } from './faulty-device.ts'

const host = createNodeHost()
const encryptor = new LuksEncryptor(host)
const passphrase = () => new Secret(new TextEncoder().encode('key'))
const SIZE = 64 * MIB
const KEY_SLOTS = [32 * 1024, 16 * MIB] as const
const DATA = [16 * MIB, SIZE] as const

const mappings = async (): Promise<string> => await output('dmsetup', 'ls', '--target', 'crypt')

async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const failure = await work.then(
    () => undefined,
    error => asHoldfastError(error),
  )
  assert.ok(failure, 'it did not fail')
  return failure
}

describe('a LUKS volume on a device that fails', () => {
  let device: FaultyDevice
  let volumeId: string
  const request = () =>
    ({
      volumeId,
      source: { kind: 'block', path: device.path, sizeBytes: SIZE, identity: {} },
      encryption: {
        provider: 'luks2',
        cipher: 'aes-xts-plain64',
        keySize: 512,
        controlLocation: 'front-end',
        keyId: 'key',
      },
      luksUuid: volumeId,
    }) as const

  beforeEach(async () => {
    device = await FaultyDevice.make('lab-faulty', SIZE)
    volumeId = randomUUID()
    using key = passphrase()
    const format = { version: 2, uuid: volumeId, cipher: 'aes-xts-plain64', keySizeBits: 512 } as const
    await luksFormat(host, device.path, format, key)
  })
  afterEach(async () => {
    await device.comeBack()
    await encryptor.lock(request())
    await device[Symbol.asyncDispose]()
  })

  async function assertUnlocks(): Promise<void> {
    using key = passphrase()
    assert.equal((await encryptor.unlock(request(), key)).change, 'made')
  }

  it('cannot be read: an I/O error that names the device; when it is back the volume opens', async () => {
    await device.fail()
    {
      using key = passphrase()
      for (const verb of [encryptor.check(request(), key), encryptor.unlock(request(), key)]) {
        const { code, message } = await failureOf(verb)
        assert.equal(code, 'io-error', message)
        assert.ok(message.includes(device.path), message)
      }
    }
    assert.equal(await mappings(), '')
    await device.comeBack()
    await assertUnlocks()
  })

  it('cannot be read where its header is, which is no missing header', async () => {
    await device.fail([0, 4096])
    using key = passphrase()
    assert.equal((await failureOf(encryptor.unlock(request(), key))).code, 'io-error')
    assert.equal((await failureOf(encryptor.check(request(), key))).code, 'io-error')
    await device.comeBack()
    await assertUnlocks()
  })

  it('cannot be read where its key slots are, which is no wrong key', async () => {
    await device.fail(KEY_SLOTS)
    using key = passphrase()
    for (const verb of ['check', 'unlock'] as const) {
      const { code, message } = await failureOf(encryptor[verb](request(), key))
      assert.equal(code, 'command-failed', `${verb}: ${code}: ${message}`)
      assert.ok(message.includes(device.path) && /IO error/.test(message), message)
    }
    assert.equal(await mappings(), '')
    await device.comeBack()
    await assertUnlocks()
  })

  it('cannot be read where its data is: it opens, and its guest meets the error; it locks', async () => {
    await device.fail(DATA)
    await assertUnlocks()
    const view = await open(`/dev/mapper/crypt-${volumeId}`)
    await assert.rejects(view.read(Buffer.alloc(4096), 0, 4096, 0), { code: 'EIO' })
    await view.close()
    assert.equal(await encryptor.lock(request()), 'made')
    assert.equal(await mappings(), '')
  })

  it('goes away while it is open: it is locked all the same, once, and opens when the device is back, with its data', async () => {
    await assertUnlocks()
    await write('kept')
    await device.fail()
    assert.equal(await encryptor.lock(request()), 'made')
    assert.equal(await encryptor.lock(request()), 'already')
    assert.equal(await mappings(), '')
    await device.comeBack()
    await assertUnlocks()
    assert.equal(await read(4), 'kept')
  })

  it('goes away with data on the way to it: it is locked all the same', async () => {
    await assertUnlocks()
    const view = await open(`/dev/mapper/crypt-${volumeId}`, 'r+')
    await view.write('never there', 0)
    await device.fail()
    await assert.rejects(view.sync(), { code: 'EIO' })
    await view.close()
    assert.equal(await encryptor.lock(request()), 'made')
    assert.equal(await encryptor.lock(request()), 'already')
  })

  it('goes away and comes back under an open mapping, which is still the right one', async () => {
    await assertUnlocks()
    await write('kept')
    await device.fail()
    await device.comeBack()
    assert.equal((await encryptor.probe(request()))?.path, `/dev/mapper/crypt-${volumeId}`)
    using key = passphrase()
    assert.equal((await encryptor.unlock(request(), key)).change, 'already')
    assert.equal(await read(4), 'kept')
  })

  it('goes away under an open mapping: what stands cannot be vouched for, and is said to be an I/O error', async () => {
    await assertUnlocks()
    await device.fail()
    using key = passphrase()
    const { code, message } = await failureOf(encryptor.unlock(request(), key))
    assert.equal(code, 'io-error', message)
    assert.equal((await failureOf(encryptor.probe(request()))).code, 'io-error')
    assert.equal(await encryptor.lock(request()), 'made')
  })

  async function write(text: string): Promise<void> {
    const view = await open(`/dev/mapper/crypt-${volumeId}`, 'r+')
    await view.write(text, 0)
    await view.sync()
    await view.close()
  }

  async function read(length: number): Promise<string> {
    const view = await open(`/dev/mapper/crypt-${volumeId}`)
    const { buffer } = await view.read(Buffer.alloc(length), 0, length, 0)
    await view.close()
    return buffer.toString()
  }
})
