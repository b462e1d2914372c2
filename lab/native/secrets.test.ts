import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { createNodeHost } from '#src/host/node-host.ts'
import { LocalKeyManager } from '#src/keys/local/local-key-manager.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { makeRealHost } from '../holdfast-life.ts'

/** A key in every form that somebody could have written it in. */
interface Forms {
  readonly id: string
  readonly forms: readonly Buffer[]
}

const formsOf = (id: string, key: Uint8Array): Forms => {
  const bytes = Buffer.from(key)
  const hex = bytes.toString('hex')
  const texts = [hex, hex.toUpperCase(), bytes.toString('base64'), bytes.toString('base64url')]
  return {
    id,
    forms: [bytes, ...texts.map(text => Buffer.from(text)), Buffer.from(Buffer.from(hex).toString('base64'))],
  }
}

const finds = (keys: readonly Forms[], content: Buffer): boolean =>
  keys.some(({ forms }) => forms.some(form => content.includes(form)))

/**
 * I6 on real parts: while operations run, key bytes are in no argument list and no environment of any process; after them, in no
 * file of the state, of libvirt or of the temporary folders, and in nothing that was told.
 */
it('keys stay in memory', { timeout: 200_000 }, async () => {
  await using real = await makeRealHost()
  await using holdfast = await real.open()
  const manager = new LocalKeyManager(createNodeHost(), {
    directory: join(real.config.stateDirectory, 'keys'),
    masterKey: { path: real.config.keyFile, kind: 'file' },
  })
  const told: string[] = []
  const watch = new ProcessWatch()
  const watching = watch.run()

  const encryption = {
    provider: 'luks',
    cipher: 'aes-xts-plain64',
    keySize: 512,
    controlLocation: 'front-end',
  } as const
  await holdfast.volumes.createVolumeType({ name: 'secret', encryption })
  const volumes = [
    await holdfast.volumes.create({ size: 1, volumeType: 'secret' }),
    await holdfast.volumes.create({ size: 1, volumeType: 'secret' }),
  ]
  const [first, second] = volumes.map(({ id }) => id)
  assert.ok(first && second)
  const copy = await holdfast.volumes.create({ sourceVolumeId: first })
  const observer = (progress: unknown) => told.push(inspect(progress, { depth: 8 }))
  const { kernel: image, initrd } = real.guest
  const { id } = await holdfast.instances.create(
    {
      name: 'web',
      memoryMib: 128,
      cpus: 1,
      volumes: [{ volumeId: first }],
      kernel: { image, initrd, append: GUEST_KERNEL_ARGUMENTS },
      networks: [],
    },
    { observer },
  )
  await holdfast.instances.attach(id, second, { observer })
  await holdfast.instances.hardReboot(id, { observer })
  for (const { id: operation } of await holdfast.operations.list()) {
    told.push(inspect(await holdfast.operations.show(operation), { depth: 8 }))
  }
  told.push(
    inspect(await holdfast.instances.list(), { depth: 8 }),
    inspect(await holdfast.volumes.getAll(), { depth: 8 }),
  )
  await holdfast.instances.delete(id, { observer })
  watch.stop()
  await watching

  const keys: Forms[] = []
  for (const keyId of await manager.list()) keys.push(formsOf(keyId, (await manager.get(keyId)).secret.reveal()))
  assert.equal(keys.length, volumes.length + 1)
  assert.ok(watch.seen.size > 20, `only ${watch.seen.size} argument lists were seen`)
  assert.deepEqual(
    [...watch.seen].filter(text => finds(keys, Buffer.from(text, 'latin1'))),
    [],
  )
  assert.equal(finds(keys, Buffer.from(told.join('\n'))), false)
  const folder = join(real.config.stateDirectory, '..')
  const files = await filesBelow([folder, '/dev/shm', join(real.config.libvirtSocket, '../..')])
  assert.ok(files.some(path => path.endsWith('holdfast.db')) && files.some(path => path.endsWith('.key')))
  for (const path of files) assert.equal(finds(keys, await headOf(path)), false, path)
  assert.ok(finds(keys, Buffer.from(`x${keys[0]?.forms[1]}y`)), 'the search finds what is there')
  await holdfast.volumes.delete(copy.id)
})

/** Argument lists and environments of every process that was there at any look; looks follow each other without a pause. */
class ProcessWatch {
  readonly seen = new Set<string>()
  #on = true

  async run(): Promise<void> {
    while (this.#on) {
      for (const entry of await readdir('/proc')) if (/^\d+$/.test(entry)) await this.#look(entry)
      await turn()
    }
  }

  stop(): void {
    this.#on = false
  }

  async #look(pid: string): Promise<void> {
    for (const file of ['cmdline', 'environ']) {
      this.seen.add(await readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => ''))
    }
  }
}

async function filesBelow(folders: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) found.push(join(entry.parentPath, entry.name))
    }
  }
  return found
}

/** Pool files are sparse and large: what could hold a key of ours is in front. */
async function headOf(path: string): Promise<Buffer> {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  if (size === 0) return Buffer.alloc(0)
  return (await readFile(path)).subarray(0, 8 << 20)
}
