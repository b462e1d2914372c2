import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksClose, luksOpen } from '#src/host/cryptsetup.ts'
import { holdersOf } from '#src/host/holders.ts'
import { attachLoop, detachLoop, listLoops } from '#src/host/loop.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type EncryptorFixture, encryptorConformance, RIGHT } from '../conformance.ts'
import type { UnlockRequest } from '../encryptor.ts'
import { headOf, makeLuksFile, spoilLuks, stretchLuks } from '../test-volumes.ts'
import { LuksEncryptor } from './luks-encryptor.ts'

const host = createNodeHost()
const run = async (tool: string, args: readonly string[]): Promise<void> => {
  await promisify(execFile)(tool, args)
}

/** Volumes on loop devices, opened by the kernel. */
async function make(version: 1 | 2): Promise<EncryptorFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-dm-'))
  const names: string[] = []
  const connected = async () => {
    const request = await makeLuksFile(host, folder, version)
    const path = await attachLoop(host, request.source.path, { readonly: false })
    names.push(`crypt-${request.volumeId}`)
    return { ...request, source: { ...request.source, kind: 'block' as const, path } }
  }
  /** The same file by a second loop device: where a mapping lies that an earlier process left. */
  const again = async ({ volumeId, source }: UnlockRequest) => {
    const { stdout } = await host.run({
      tool: 'losetup',
      args: ['--find', '--show', join(folder, `volume-${volumeId}`)],
    })
    return { source: { ...source, path: stdout.trim() } }
  }
  return {
    encryptor: new LuksEncryptor(host),
    volume: connected,
    spoil: async ({ source }, how) => await spoilLuks(host, source.path, how),
    ...(version === 2 && { stretch: async ({ source }) => await stretchLuks(host, folder, source.path) }),
    head: async ({ source }) => await headOf(host, source.path),
    drop: async ({ volumeId }) => {
      await host.files.remove(join(folder, `volume-${volumeId}`))
    },
    restart: async () => new LuksEncryptor(host),
    async hold(path) {
      const file = openSync(path, 'r')
      return { holder: `process ${process.pid} `, release: async () => closeSync(file) }
    },
    async putInTheWay(request, what) {
      const { source } = what === 'stale' ? await again(request) : await connected()
      const name = `crypt-${request.volumeId}`
      using key = new Secret(new TextEncoder().encode(RIGHT))
      if (what !== 'linear') return await luksOpen(host, source.path, name, key)
      const sectors = source.sizeBytes / 512
      const table = `0 ${sectors} linear ${source.path} 0`
      await host.run({ tool: 'dmsetup', args: ['create', name, '--table', table] })
    },
    async [Symbol.asyncDispose]() {
      for (const name of names) await luksClose(host, name)
      const loops = (await listLoops(host)).filter(loop => loop.backingPath.startsWith(`${folder}/`))
      for (const loop of loops) await detachLoop(host, loop)
      await rm(folder, { recursive: true })
    },
  }
}

const inLab = (process.env.HOLDFAST_LAB ?? '') !== ''

if (inLab) {
  // Each test costs seconds in the lab; what LUKS1 does otherwise is its header, which needs no kernel to be tested.
  encryptorConformance('LUKS2 by dm-crypt', { mappings: true }, () => make(2))

  it('LUKS1 by dm-crypt: unlocks, finds the view again, and locks', async () => {
    await using fixture = await make(1)
    const request = await fixture.volume()
    using key = new Secret(new TextEncoder().encode(RIGHT))
    const { change, view } = await fixture.encryptor.unlock(request, key)
    assert.equal(change, 'made')
    assert.equal(view.sizeBytes, request.source.sizeBytes - 2 * MIB)
    assert.deepEqual(await fixture.encryptor.probe(request), view)
    assert.equal(await fixture.encryptor.lock(request), 'made')
  })
  it('LUKS1 by dm-crypt: what an open that was killed left is no obstacle, before it had a table and after', async () => {
    await using fixture = await make(1)
    const request = await fixture.volume()
    const { volumeId, source } = request
    const name = `crypt-${volumeId}`
    const begin = async (loaded: boolean) => {
      const uuid = `CRYPT-LUKS1-${volumeId.replaceAll('-', '')}-${name}`
      await run('dmsetup', ['create', name, '--uuid', uuid, '--notable'])
      if (loaded) await run('dmsetup', ['load', name, '--table', `0 2048 linear ${source.path} 0`])
    }
    for (const loaded of [false, true]) {
      using key = new Secret(new TextEncoder().encode(RIGHT))
      await begin(loaded)
      assert.equal(await fixture.encryptor.lock(request), 'made')
      await begin(loaded)
      await fixture.encryptor.check(request, key)
      assert.equal((await fixture.encryptor.unlock(request, key)).change, 'made')
      assert.equal(await fixture.encryptor.lock(request), 'made')
      assert.equal(await fixture.encryptor.lock(request), 'already')
    }
  })
  it('LUKS1 by dm-crypt: a view under a volume group, mounted and swapped to, is not locked, and says so', async () => {
    await using fixture = await make(1)
    const request = await fixture.volume()
    using key = new Secret(new TextEncoder().encode(RIGHT))
    const { view } = await fixture.encryptor.unlock(request, key)
    // As LVM would make them, side by side: 3 MiB for a file system, 1 MiB for swap.
    await using busy = new AsyncDisposableStack()
    for (const [name, start, sectors] of [
      ['data-ho--me', 0, 6144],
      ['data-swap', 6144, 2048],
    ] as const) {
      const table = `0 ${sectors} linear ${view.path} ${start}`
      await run('dmsetup', ['create', name, '--uuid', `LVM-${name.padEnd(64, 'x')}`, '--table', table])
      busy.defer(async () => await run('dmsetup', ['remove', name]))
    }
    const mountPoint = await mkdtemp(join(tmpdir(), 'holdfast a mount-'))
    busy.defer(async () => await rm(mountPoint, { recursive: true }))
    await run('mke2fs', ['-q', '-t', 'ext4', '/dev/mapper/data-ho--me'])
    await run('mount', ['/dev/mapper/data-ho--me', mountPoint])
    busy.defer(async () => await run('umount', [mountPoint]))
    await run('mkswap', ['/dev/mapper/data-swap'])
    await run('swapon', ['/dev/mapper/data-swap'])
    busy.defer(async () => await run('swapoff', ['/dev/mapper/data-swap']))

    const holders = [
      `volume group data (logical volume ho-me), mounted at ${mountPoint}`,
      'volume group data (logical volume swap), used as swap',
    ]
    const listed = (await fixture.encryptor.list()).find(({ volumeId }) => volumeId === request.volumeId)
    assert.deepEqual(listed?.holders, holders)
    await assert.rejects(fixture.encryptor.lock(request), (error: HoldfastError) => {
      assert.equal(error.code, 'busy')
      assert.equal(error.message, `${view.path} is in use: held by ${holders.join('; ')}`)
      return true
    })
    const below = (await holdersOf(host, request.source.path))[0]
    assert.ok(below?.startsWith(`mapping crypt-${request.volumeId}, under ${holders[0]}`), below)
    await busy.disposeAsync()
    assert.equal(await fixture.encryptor.lock(request), 'made')
  })
} else {
  describe('encryptor: dm-crypt', {
    skip: "needs a kernel with dm-crypt: run in the lab's guest (HOLDFAST_LAB)",
  }, () => {})
}
