import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { MIB } from '#src/core/sizes.ts'
import { describeHolders, holdersOf } from './holders.ts'
import type { Host } from './host.ts'
import { attachLoop, detachLoop, listLoops, loopsOver, readLoop, readLoopMode } from './loop.ts'
import { createNodeHost } from './node-host.ts'

describe('loop devices in sysfs', () => {
  /** A host with these files in its sysfs. */
  const withFiles = (files: Readonly<Record<string, string>>): Host => {
    const real = createNodeHost()
    const names = [...new Set(Object.keys(files).map(path => path.split('/')[3] ?? ''))]
    return {
      ...real,
      files: {
        ...real.files,
        list: async () => [...names, 'loop9', 'vda'],
        read: async path => (files[path] === undefined ? undefined : Buffer.from(`${files[path]}\n`)),
      },
    }
  }
  const loop = (number: number, file: string, more: { offset?: number; sizelimit?: number; ro?: number } = {}) => {
    const at = `/sys/block/loop${number}`
    return {
      [`${at}/loop/backing_file`]: file,
      [`${at}/loop/offset`]: String(more.offset ?? 0),
      [`${at}/loop/sizelimit`]: String(more.sizelimit ?? 0),
      [`${at}/ro`]: String(more.ro ?? 0),
    }
  }

  it('are read; one without a file is none', async () => {
    const host = withFiles({ ...loop(7, '/pool/a'), ...loop(8, '/gone (deleted)', { offset: 512, ro: 1 }) })
    const loops = await listLoops(host)
    assert.deepEqual(loops, [
      { path: '/dev/loop7', backingPath: '/pool/a' },
      { path: '/dev/loop8', backingPath: '/gone (deleted)' },
    ])
    assert.deepEqual(await readLoop(host, '/dev/loop8'), loops[1])
    assert.equal(await readLoop(host, '/dev/loop9'), undefined)
    assert.deepEqual(await Promise.all(loops.map(one => readLoopMode(host, one))), [
      { readonly: false, whole: true },
      { readonly: true, whole: false },
    ])
  })

  it('one that goes away while it is read has no mode', async () => {
    const half = Object.fromEntries(Object.entries(loop(7, '/pool/a')).filter(([path]) => !path.endsWith('/ro')))
    assert.equal(await readLoopMode(withFiles(half), { path: '/dev/loop7', backingPath: '/pool/a' }), undefined)
  })

  it('are found over the own file by its name now, and over a deleted one by the name that it had', async () => {
    const host = withFiles({
      ...loop(0, '/pool/a'),
      ...loop(1, '/elsewhere/a'),
      ...loop(2, '/pool/a (deleted)'),
      ...loop(3, '/pool/b (deleted)'),
    })
    const loops = await listLoops(host)
    const found = (own: boolean) => loopsOver(loops, '/pool/a', own).map(({ path }) => path)
    assert.deepEqual(found(true), ['/dev/loop0', '/dev/loop2'])
    assert.deepEqual(found(false), ['/dev/loop2'])
  })
})

const skip = process.getuid?.() === 0 ? false : 'needs root and loop devices'

describe('loop devices of this kernel', { skip }, () => {
  const host = createNodeHost()
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-loop-'))
  })
  after(async () => await rm(folder, { recursive: true }))

  it('come, are found by the file below, are told busy, and go', async () => {
    const path = join(folder, 'volume')
    await host.files.createSparse(path, 4 * MIB, 0o600)
    const device = await attachLoop(host, path, { readonly: false })
    const [loop, ...more] = loopsOver(await listLoops(host), path, true)
    assert.ok(loop)
    assert.deepEqual([loop.path, more], [device, []])
    assert.deepEqual(await readLoopMode(host, loop), { readonly: false, whole: true })
    assert.deepEqual((await host.files.stat(device))?.size, 4 * MIB)

    const open = openSync(device, 'r')
    assert.match(describeHolders(await holdersOf(host, device)), new RegExp(`^held by process ${process.pid} \\(`))
    assert.equal(await detachLoop(host, loop), false)
    closeSync(open)
    assert.equal(await detachLoop(host, loop), true)
    assert.equal(await detachLoop(host, loop), true)
    assert.deepEqual(await holdersOf(host, path), [])
    assert.equal(describeHolders([]), 'held by something that does not show')
  })

  it('are held by the domain whose QEMU has them open', async () => {
    const path = join(folder, 'domain')
    await host.files.createSparse(path, 4 * MIB, 0o600)
    const device = await attachLoop(host, path, { readonly: false })
    const open = openSync(device, 'r')
    // A shell that waits for its input to end, with the argument list of a QEMU that libvirt started.
    const args = ['-c', 'echo ready; read -r _', '-name', 'guest=web-1,debug-threads=on', '-S']
    const qemu = spawn('/bin/bash', args, {
      argv0: '/usr/bin/qemu-system-x86_64',
      stdio: ['pipe', 'pipe', 'inherit', open],
    })
    try {
      closeSync(open)
      assert.ok(qemu.stdin && qemu.stdout)
      await once(qemu.stdout, 'data')
      assert.deepEqual(await holdersOf(host, device), [`domain web-1 (process ${qemu.pid})`])
    } finally {
      qemu.stdin?.end()
      await once(qemu, 'exit')
    }
    for (const loop of loopsOver(await listLoops(host), path, true)) assert.equal(await detachLoop(host, loop), true)
  })

  it('are found under a file that was deleted', async () => {
    const path = join(folder, 'deleted')
    await host.files.createSparse(path, 4 * MIB, 0o600)
    const device = await attachLoop(host, path, { readonly: true })
    await host.files.remove(path)
    const loops = loopsOver(await listLoops(host), path, false)
    assert.deepEqual(
      loops.map(loop => loop.path),
      [device],
    )
    for (const loop of loops) assert.equal(await detachLoop(host, loop), true)
  })
})
