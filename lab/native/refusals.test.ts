import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { hasCode, isHoldfastError } from '#src/core/error.ts'
import type { Holdfast } from '#src/holdfast.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { makeRealHost, type RealHost } from '../holdfast-life.ts'

/**
 * What Nova's driver and os-brick do wrong with wrong devices, tried on real parts: each must be refused before anything is
 * torn down or written. The guest runs on in the same QEMU, and what lies in the way stays byte for byte.
 */
describe('a hard reboot that would show a wrong device', { timeout: 240_000 }, () => {
  let real: RealHost
  let holdfast: Holdfast
  let instance: string
  let qemu: number
  /** Pool files: two encrypted volumes, two plain ones. */
  const files: string[] = []

  before(async () => {
    real = await makeRealHost()
    holdfast = await real.open()
    const encryption = {
      provider: 'luks',
      cipher: 'aes-xts-plain64',
      keySize: 512,
      controlLocation: 'front-end',
    } as const
    await holdfast.volumes.createVolumeType({ name: 'secret', encryption })
    const volumes = []
    for (const volumeType of ['secret', 'secret', undefined, undefined]) {
      const { id } = await holdfast.volumes.create({ size: 1, volumeType })
      volumes.push({ volumeId: id })
      files.push(`${real.config.stateDirectory}/volumes/pool/volume-${id}`)
    }
    const { kernel: image, initrd } = real.guest
    const kernel = { image, initrd, append: GUEST_KERNEL_ARGUMENTS }
    const created = await holdfast.instances.create({
      name: 'web',
      memoryMib: 128,
      cpus: 1,
      volumes,
      kernel,
      networks: [],
    })
    instance = created.id
    qemu = await qemuOf(instance)
  })

  after(async () => {
    await holdfast.close()
    await real[Symbol.asyncDispose]()
  })

  const file = (index: number): string => files[index] ?? assert.fail(`no file ${index}`)

  async function refused(code: string, says: RegExp): Promise<void> {
    await assert.rejects(holdfast.instances.hardReboot(instance), error => {
      assert.ok(isHoldfastError(error))
      assert.ok(hasCode(error, code), `${error.code}: ${error.message}`)
      assert.match(error.message, says)
      assert.match(error.details.left ?? '', /nothing was touched/)
      return true
    })
    assert.equal(await qemuOf(instance), qemu)
    const { record, power } = await holdfast.instances.show(instance)
    assert.deepEqual([record.status, power], ['ACTIVE', 'running'])
  }

  for (const [name, a, b] of [
    ['encrypted', 0, 1],
    ['plain', 2, 3],
  ] as const) {
    it(`is refused if the files of two ${name} volumes were exchanged`, async () => {
      const swap = async () => {
        await rename(file(a), `${file(a)}.tmp`)
        await rename(file(b), file(a))
        await rename(`${file(a)}.tmp`, file(b))
      }
      await swap()
      try {
        await refused('wrong-device', new RegExp(file(b).slice(-36)))
      } finally {
        await swap()
      }
    })

    it(`is refused if a foreign file lies where ${name === 'plain' ? 'a plain' : 'an encrypted'} volume should be`, async () => {
      const aside = `${file(a)}.aside`
      const { size } = await stat(file(a))
      await rename(file(a), aside)
      await writeFile(file(a), 'the data of somebody else')
      await truncate(file(a), size)
      const digest = await digestOf(file(a))
      try {
        await refused('wrong-device', /is not volume|not the file|no LUKS|not-luks/)
        assert.equal(await digestOf(file(a)), digest)
      } finally {
        await rm(file(a))
        await rename(aside, file(a))
      }
    })

    it(`is refused if the storage of ${name === 'plain' ? 'a plain' : 'an encrypted'} volume is absent`, async () => {
      await rename(file(a), `${file(a)}.aside`)
      try {
        await refused('storage-absent', new RegExp(file(a)))
        await assert.rejects(stat(file(a)), { code: 'ENOENT' })
      } finally {
        await rename(`${file(a)}.aside`, file(a))
      }
    })
  }

  it('is refused if the key is gone', async () => {
    const folder = `${real.config.stateDirectory}/keys`
    await rename(folder, `${folder}.aside`)
    try {
      await refused('key-not-found', /there is no key/)
    } finally {
      await rename(`${folder}.aside`, folder)
    }
  })

  it('works once everything is back, and only then is QEMU another one', async () => {
    await holdfast.instances.hardReboot(instance)
    assert.notEqual(await qemuOf(instance), qemu)
  })
})

async function qemuOf(instance: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    const argv = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '') : ''
    if (argv.includes('qemu') && argv.includes(`-uuid\0${instance}\0`)) return Number(entry)
  }
  return assert.fail(`no QEMU runs for ${instance}`)
}

const digestOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update((await readFile(path)).subarray(0, 4 << 20))
    .digest('hex')
