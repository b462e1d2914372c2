import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { asHoldfastError, type HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksFormat, testPassphrase } from '#src/host/cryptsetup.ts'
import { readLuksHeader } from '#src/host/luks-header.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { FaultyDevice } from './faulty-device.ts'

const KIB = 1024

const host = createNodeHost()
const passphrase = () => new Secret(new TextEncoder().encode('key'))

async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const failure = await work.then(
    () => undefined,
    error => asHoldfastError(error),
  )
  assert.ok(failure, 'it did not fail')
  return failure
}

/** A LUKS header that is being written when the device fails: what is left is found by the next try, and never written over (I5). */
describe('a header on a device that fails while it is written', () => {
  let device: FaultyDevice
  let uuid: string
  beforeEach(async () => {
    device = await FaultyDevice.make('lab-faulty', 64 * MIB)
    uuid = randomUUID()
  })
  afterEach(() => device[Symbol.asyncDispose]())

  async function format(version: 1 | 2): Promise<void> {
    using key = passphrase()
    await luksFormat(host, device.path, { version, uuid, cipher: 'aes-xts-plain64', keySizeBits: 512 }, key)
  }

  async function failed(version: 1 | 2): Promise<void> {
    const { code, message } = await failureOf(format(version))
    assert.equal(code, 'command-failed', message)
    assert.ok(message.includes(device.path), message)
  }

  for (const version of [1, 2] as const) {
    it(`LUKS${version}: of which nothing could be written, is written when the device is back`, async () => {
      await device.failWrites()
      await failed(version)
      await device.comeBack()

      assert.equal(await readLuksHeader(host, device.path), undefined)
      await format(version)

      assert.equal((await readLuksHeader(host, device.path))?.uuid, uuid)
      using key = passphrase()
      assert.equal(await testPassphrase(host, device.path, key), true)
    })

    it(`LUKS${version}: of which the key slots cannot be written, is not begun (cryptsetup clears their place first)`, async () => {
      await device.failWrites([version === 2 ? 32 * KIB : 4 * KIB, MIB])
      await failed(version)
      assert.equal(await readLuksHeader(host, device.path), undefined)
      await device.comeBack()

      await format(version)

      assert.equal((await readLuksHeader(host, device.path))?.uuid, uuid)
    })
  }

  it('that was written before is not written over, though the device does not show all of it now', async () => {
    await format(2)
    await device.fail([0, 16 * KIB])
    assert.equal((await failureOf(format(2))).code, 'io-error')
    await device.comeBack()
    const { code, message } = await failureOf(format(2))
    assert.equal(code, 'not-blank', message)
    assert.ok(message.includes(device.path), message)
    using key = passphrase()
    assert.equal(await testPassphrase(host, device.path, key), true)
  })

  it('that cannot be read is not taken for blank: an I/O error, and nothing is written', async () => {
    await device.fail([MIB, 2 * MIB])
    const { code, message } = await failureOf(format(2))
    assert.equal(code, 'io-error', message)
    assert.ok(message.includes(device.path), message)
    await device.comeBack()
    assert.equal(await readLuksHeader(host, device.path), undefined)
  })
})
