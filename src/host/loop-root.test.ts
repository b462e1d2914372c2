import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { MIB } from '#src/core/sizes.ts'
import { describeHolders, holdersOf } from './holders.ts'
import { attachLoop, detachLoop, listLoops, loopsOver, parseLoops } from './loop.ts'
import { createNodeHost } from './node-host.ts'

const row = (name: string, inode: number, device: string, file: string) => ({
  name,
  'back-file': file,
  'back-ino': inode,
  'back-maj:min': `   ${device} `,
  offset: 0,
  sizelimit: 0,
  ro: false,
})
const printed = (...rows: readonly unknown[]) => JSON.stringify({ loopdevices: rows })

describe('losetup output', () => {
  it('is read; nothing printed means no loop device', () => {
    assert.deepEqual(parseLoops(''), [])
    assert.deepEqual(parseLoops(printed(row('/dev/loop7', 12, '254:0', '/pool/a'))), [
      {
        path: '/dev/loop7',
        backingPath: '/pool/a',
        backingInode: 12,
        backingDevice: '254:0',
        readonly: false,
        whole: true,
      },
    ])
  })

  it('is refused if it is anything else (I10)', () => {
    const wrong = [
      '{',
      '[]',
      'null',
      '{"loopdevices":{}}',
      printed({}),
      printed({ ...row('/dev/loop1', 1, '1:1', ''), name: '/etc' }),
    ]
    for (const text of wrong)
      assert.throws(
        () => parseLoops(text),
        error => hasCode(error, 'tool-output'),
        text,
      )
  })

  it('finds a file by inode and file system, not by name, and a deleted one by its name', () => {
    const loops = parseLoops(
      printed(
        row('/dev/loop0', 12, '254:0', '/elsewhere/a'),
        row('/dev/loop1', 12, '0:27', '/pool/a'),
        row('/dev/loop2', 13, '254:0', '/pool/a'),
        row('/dev/loop3', 14, '254:0', '/pool/a (deleted)'),
      ),
    )
    const found = (facts?: { inode: string; device: string }) =>
      loopsOver(loops, '/pool/a', facts).map(({ path }) => path)
    assert.deepEqual(found({ inode: '12:99', device: '254:0' }), ['/dev/loop0', '/dev/loop3'])
    assert.deepEqual(found(), ['/dev/loop3'])
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
    const [loop, ...more] = loopsOver(await listLoops(host), path, await host.files.stat(path))
    assert.ok(loop)
    assert.deepEqual([loop.path, loop.readonly, loop.whole, more], [device, false, true, []])
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

  it('are found under a file that was deleted', async () => {
    const path = join(folder, 'deleted')
    await host.files.createSparse(path, 4 * MIB, 0o600)
    const device = await attachLoop(host, path, { readonly: true })
    await host.files.remove(path)
    const loops = loopsOver(await listLoops(host), path, undefined)
    assert.deepEqual(
      loops.map(loop => [loop.path, loop.readonly]),
      [[device, true]],
    )
    for (const loop of loops) assert.equal(await detachLoop(host, loop), true)
  })
})
