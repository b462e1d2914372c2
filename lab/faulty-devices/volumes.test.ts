import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { asHoldfastError, type HoldfastError } from '#src/core/error.ts'
import { GIB } from '#src/core/sizes.ts'
import type { LocalVolumeService } from '#src/volumes/local/local-volume-service.ts'
import { FaultyPool } from './faulty-pool.ts'

const ENCRYPTION = { provider: 'luks2', cipher: 'aes-xts-plain64', keySize: 512 } as const

async function typed(service: LocalVolumeService): Promise<string> {
  await service.createVolumeType({ name: 'secret', encryption: ENCRYPTION })
  return 'secret'
}

async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const failure = await work.then(
    () => undefined,
    error => asHoldfastError(error),
  )
  assert.ok(failure, 'it did not fail')
  return failure
}

/** How a creation that the device ended may have ended: named, and nothing that is taken for good. */
async function assertNothingUsable(pool: FaultyPool, service: LocalVolumeService, error: HoldfastError): Promise<void> {
  assert.ok(error.message.includes(pool.directory), `${error.code}: ${error.message}`)
  const left = await service.getAll()
  assert.deepEqual(
    left.map(({ status }) => status).filter(status => status !== 'error'),
    [],
  )
}

/** A process that comes after the device is back: what is left can be deleted, and a new volume can be made. */
async function assertMendable(pool: FaultyPool): Promise<void> {
  await pool.comeBack()
  const { service, recovered } = await pool.bench.open()
  assert.deepEqual(
    recovered.filter(({ problem }) => problem),
    [],
  )
  for (const { id } of await service.getAll()) await service.delete(id)
  assert.deepEqual(
    [(await pool.bench.pool()).filter(name => name !== 'lost+found'), pool.bench.keys.stored.size],
    [[], 0],
  )
  const { status } = await service.create({ size: 1, volumeType: 'secret' })
  assert.equal(status, 'available')
}

describe('a pool on a device that fails', () => {
  const moments = [
    ['the header is written', 'luksFormat', undefined],
    ['the image is written', '--image-opts', 'image'],
    ['the header becomes LUKS2', 'convert', 'image'],
  ] as const
  const written = [
    ['an encrypted volume', 'luks', '--image-opts'],
    ['a plain volume', undefined, '--target-is-zero'],
  ] as const
  for (const [title, provider, argument] of written) {
    it(`while an image is written to ${title}: what never reached the device is not taken for written`, async () => {
      await using pool = await FaultyPool.make()
      const imageFile = await pool.bench.raw('image', 'image ')
      const { service } = await pool.bench.open({ host: pool.before(argument, () => pool.device.failWrites()) })
      const encryption = provider && { ...ENCRYPTION, provider }
      await service.createVolumeType({ name: 'secret', ...(encryption ? { encryption } : {}) })

      const error = await failureOf(service.create({ size: 1, volumeType: 'secret', imageFile }))

      await assertNothingUsable(pool, service, error)
      await assertMendable(pool)
    })
  }

  it('while a volume is copied: what never reached the device is not taken for a copy', async () => {
    await using pool = await FaultyPool.make()
    const imageFile = await pool.bench.raw('image', 'image ')
    const { service } = await pool.bench.open()
    const { id } = await service.create({ size: 1, imageFile })
    const next = await pool.bench.open({ host: pool.before('--target-is-zero', () => pool.device.failWrites()) })

    const errors = [
      await failureOf(next.service.create({ sourceVolumeId: id })),
      await failureOf(next.service.createSnapshot(id, {})),
    ]

    for (const error of errors) {
      assert.ok(error.message.includes(pool.directory), `${error.code}: ${error.message}`)
    }
    const { service: after } = next
    const left = [...(await after.getAll()).filter(one => one.id !== id), ...(await after.getAllSnapshots())]
    assert.deepEqual(
      left.map(({ status }) => status).filter(status => status !== 'error'),
      [],
    )
  })

  for (const [title, argument, image] of moments) {
    it(`when ${title}: the creation fails, and nothing is taken for good`, async () => {
      await using pool = await FaultyPool.make()
      const imageFile = image && (await pool.bench.raw('image', 'image '))
      // `qemu-img convert` is not `cryptsetup convert`.
      const word = argument === 'convert' ? '--batch-mode' : argument
      let seen = 0
      const fail = async () => {
        seen++
        await pool.device.failWrites()
      }
      const host = argument === 'convert' ? beforeConvert(pool, fail) : pool.before(word, fail)
      const { service } = await pool.bench.open({ host })
      const volumeType = await typed(service)

      const error = await failureOf(service.create({ size: 1, volumeType, ...(imageFile ? { imageFile } : {}) }))

      assert.equal(seen, 1)
      await assertNothingUsable(pool, service, error)
      await assertMendable(pool)
    })
  }

  it('when the file system cannot write its journal while the header is written: nothing is taken for good', async () => {
    await using pool = await FaultyPool.make()
    const journal = await pool.journal()
    const { service } = await pool.bench.open({ host: pool.before('luksFormat', () => pool.device.fail(journal)) })
    const volumeType = await typed(service)

    const error = await failureOf(service.create({ size: 1, volumeType }))

    await assertNothingUsable(pool, service, error)
    await assertMendable(pool)
  })

  it('that loses what it is given while the header is written: it is found at once', async () => {
    await using pool = await FaultyPool.make()
    const { service } = await pool.bench.open({ host: pool.before('luksFormat', () => pool.device.dropWrites()) })
    const volumeType = await typed(service)

    const error = await failureOf(service.create({ size: 1, volumeType }))

    await assertNothingUsable(pool, service, error)
  })

  for (const argument of ['luksChangeKey', 'luksUUID']) {
    it(`when a copy is given a header of its own (${argument}): the copy fails, its source stays as it is`, async () => {
      await using pool = await FaultyPool.make()
      const { service } = await pool.bench.open({ host: pool.before(argument, () => pool.device.failWrites()) })
      const source = await service.create({ size: 1, volumeType: await typed(service) })
      const before = await pool.bench.host.files.readAt(pool.bench.path(source.id), 0, 1 << 20)

      const { message } = await failureOf(service.create({ sourceVolumeId: source.id }))

      assert.ok(message.includes(pool.directory), message)
      const copies = (await service.getAll()).filter(({ id }) => id !== source.id)
      assert.deepEqual(
        copies.map(({ status }) => status).filter(status => status !== 'error'),
        [],
      )
      await pool.comeBack()
      const next = await pool.bench.open()
      for (const { id } of copies) await next.service.delete(id)
      assert.equal((await next.service.get(source.id)).status, 'available')
      assert.deepEqual(await pool.bench.host.files.readAt(pool.bench.path(source.id), 0, 1 << 20), before)
      assert.deepEqual([(await pool.bench.pool()).length, pool.bench.keys.stored.size], [2, 1])
      assert.equal((await next.service.create({ sourceVolumeId: source.id })).status, 'available')
    })
  }

  it('when a volume grows: it has its earlier size, or says that it could not be put right', async () => {
    await using pool = await FaultyPool.make()
    const { service } = await pool.bench.open()
    const { id } = await service.create({ size: 1 })
    await pool.device.failWrites()

    const error = await failureOf(service.extend(id, 2))

    assert.ok(error.message.includes(pool.bench.path(id)), error.message)
    const { status, size } = await service.get(id)
    assert.ok(['available', 'error_extending'].includes(status), status)
    assert.equal(size, 1)
    await pool.comeBack()
    const next = await pool.bench.open()
    assert.equal((await pool.bench.host.files.stat(pool.bench.path(id)))?.size, GIB)
    assert.equal((await next.service.get(id)).status, 'available')
    assert.equal((await next.service.extend(id, 2)).size, 2)
  })

  it('when a volume is deleted: it says so, and is deleted when the device is back', async () => {
    await using pool = await FaultyPool.make()
    const { service } = await pool.bench.open()
    const { id } = await service.create({ size: 1, volumeType: await typed(service) })
    await pool.device.failWrites()

    const { code, message } = await failureOf(service.delete(id))

    assert.ok(code === 'io-error' && message.includes(pool.bench.path(id)), message)
    assert.equal((await service.get(id)).status, 'error_deleting')
    await assertMendable(pool)
  })
})

function beforeConvert(pool: FaultyPool, happen: () => Promise<void>) {
  const { host } = pool.bench
  return {
    ...host,
    run: async (request: Parameters<typeof host.run>[0]) => {
      if (request.tool === 'cryptsetup' && request.args[0] === 'convert') await happen()
      return await host.run(request)
    },
  }
}
