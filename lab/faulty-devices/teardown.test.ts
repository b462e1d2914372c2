import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { asHoldfastError } from '#src/core/error.ts'
import { passphraseOf, Secret } from '#src/core/secret.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import type { LocalVolumeService } from '#src/volumes/local/local-volume-service.ts'
import { HOST_NAME } from '#src/volumes/local/testing.ts'
import { output } from './faulty-device.ts'
import { FaultyPool } from './faulty-pool.ts'

const INSTANCE = '7f2e8c66-7d1f-4c5e-9d3b-0a1b2c3d4e5f'
const CONNECTOR = { host: HOST_NAME, multipath: false, platform: 'x86_64', os_type: 'linux' } as const

/** A volume of the embedded pool, up to layer 3, on a device that then fails. */
describe('an unlocked volume of a pool on a device that fails', () => {
  let pool: FaultyPool
  let service: LocalVolumeService
  let connector: LocalConnector
  let encryptor: LuksEncryptor
  let volumeId: string
  let info: LocalConnectionInfo

  beforeEach(async () => {
    pool = await FaultyPool.make()
    service = (await pool.bench.open()).service
    connector = new LocalConnector(pool.bench.host, { pool: pool.directory })
    encryptor = new LuksEncryptor(pool.bench.host)
    const encryption = { provider: 'luks2', cipher: 'aes-xts-plain64', keySize: 512 } as const
    await service.createVolumeType({ name: 'secret', encryption })
    volumeId = (await service.create({ size: 1, volumeType: 'secret' })).id
    const request = { volumeId, instanceId: INSTANCE, connector: CONNECTOR }
    const { connectionInfo } = await service.attachmentCreate(request)
    assert.ok(connectionInfo?.driver_volume_type === 'local')
    info = connectionInfo
  })
  afterEach(() => pool[Symbol.asyncDispose]())

  async function up(): Promise<void> {
    const { source } = await connector.connect(info, { asBlock: true })
    const [[keyId, key] = ['', new Uint8Array()]] = pool.bench.keys.stored
    const encryption = { provider: 'luks2', controlLocation: 'front-end', keyId } as const
    using secret = passphraseOf(new Secret(key.slice()))
    const { change } = await encryptor.unlock({ volumeId, source, encryption, luksUuid: volumeId }, secret)
    assert.equal(change, 'made')
  }

  async function down(): Promise<readonly string[]> {
    return [await encryptor.lock({ volumeId, luksUuid: volumeId }), await connector.disconnect(info)]
  }

  async function assertDown(): Promise<void> {
    assert.deepEqual(await down(), ['made', 'made'])
    assert.deepEqual(await down(), ['already', 'already'])
    assert.equal(await output('dmsetup', 'ls', '--target', 'crypt'), '')
    assert.equal((await output('losetup', '--list', '--noheadings')).includes(volumeId), false)
  }

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

  it('is locked and disconnected all the same, once; back, it has its data', async () => {
    await up()
    await write('kept')
    await pool.device.fail()

    await assertDown()

    await pool.comeBack()
    await up()
    assert.equal(await read(4), 'kept')
    await assertDown()
  })

  it('is torn down with writes on the way that can never be done', async () => {
    await up()
    const view = await open(`/dev/mapper/crypt-${volumeId}`, 'r+')
    await view.write(Buffer.alloc(4 << 20, 'lost'), 0)
    await pool.device.fail()
    await assert.rejects(view.sync(), { code: 'EIO' })
    await view.close()

    await assertDown()
  })

  it('is torn down when only its header cannot be read', async () => {
    await up()
    await pool.device.fail([64 << 20, pool.device.bytes])

    await assertDown()
  })

  it('is torn down when the kernel has forgotten where its file lay: a loop device of that name is taken for its own', async () => {
    const { source } = await connector.connect(info, { asBlock: true })
    await pool.device.fail()

    assert.equal(await connector.disconnect(info), 'made')
    await pool.device.fail()
    assert.equal(await connector.disconnect(info), 'already')
    assert.equal((await output('losetup', '--list', '--noheadings')).includes(source.path), false)
  })

  it('is not connected while the device fails: an I/O error, not an absent or a wrong volume; nothing is left', async () => {
    await pool.device.fail()
    const verbs = [() => connector.check(info), () => connector.connect(info, { asBlock: true })]

    for (const verb of verbs) {
      const error = await verb().then(
        () => undefined,
        failure => asHoldfastError(failure),
      )
      assert.equal(error?.code, 'io-error', error?.message)
      assert.ok(error?.message.includes(pool.directory), error?.message)
    }

    assert.equal((await output('losetup', '--list', '--noheadings')).includes(volumeId), false)
    assert.equal(await connector.disconnect(info), 'already')
    await pool.comeBack()
    await up()
    await assertDown()
  })
})
