import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isHoldfastError } from '#src/core/error.ts'
import type { FileFacts, Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { code } from '#src/hypervisor/conformance-fixture.ts'
import { DirectIo } from './direct-io.ts'
import { checkReach, type Identity, identityOf } from './reach.ts'

const QEMU: Identity = { uid: 64055, gid: 64055, groups: new Set([64055, 107]) }
const host = createNodeHost({ name: 'test' })
let directory: string

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-reach-'))
  await chmod(directory, 0o755)
})
after(async () => await rm(directory, { recursive: true, force: true }))

/** A file in a folder of this mode. */
async function fileIn(name: string, mode: number): Promise<string> {
  const folder = join(directory, name)
  await mkdir(folder)
  await writeFile(join(folder, 'disk'), '')
  await chmod(folder, mode)
  return join(folder, 'disk')
}

describe('the way to a file', () => {
  it('is open where others may pass every folder, for root, and where libvirt changes no user', async () => {
    const open = await fileIn('open', 0o711)
    const closed = await fileIn('closed', 0o700)
    await checkReach(host, 'disk', open, QEMU)
    await checkReach(host, 'disk', closed, { uid: 0, gid: 0, groups: new Set() })
    await checkReach(host, 'disk', closed, undefined)
  })

  it('is closed by a folder that others may not pass, which is named with the cure', async () => {
    const path = await fileIn('private', 0o750)
    await assert.rejects(checkReach(host, 'disk', path, QEMU), error => {
      assert.ok(isHoldfastError(error))
      assert.equal(error.code, 'unreachable-path')
      assert.ok(error.message.includes(path) && error.message.includes('mode 0750'))
      assert.equal(error.details.hint, `let others pass it: chmod o+x ${join(directory, 'private')}`)
      return true
    })
    await chmod(join(directory, 'private'), 0o751)
    await checkReach(host, 'disk', path, QEMU)
  })

  it('is looked at where links lead to', async () => {
    const path = await fileIn('target', 0o700)
    const link = join(directory, 'link')
    await symlink(path, link)
    await assert.rejects(checkReach(host, 'disk', link, QEMU), code('unreachable-path'))
  })

  it('is open to the owner of a folder and to members of its group, as the kernel decides', async () => {
    const facts = (mode: number, uid: number, gid?: number) => ({ mode, uid, gid }) as unknown as FileFacts
    const with_ = (folder: FileFacts): Host => ({
      ...host,
      files: {
        ...host.files,
        realPath: async path => path,
        stat: async path => (path === '/' ? facts(0o755, 0) : folder),
      },
    })
    const closed = code('unreachable-path')
    await checkReach(with_(facts(0o700, 64055)), 'disk', '/d/f', QEMU)
    await assert.rejects(checkReach(with_(facts(0o077, 64055)), 'disk', '/d/f', QEMU), closed)
    await checkReach(with_(facts(0o710, 0, 107)), 'disk', '/d/f', QEMU)
    await assert.rejects(checkReach(with_(facts(0o701, 0, 107)), 'disk', '/d/f', QEMU), closed)
    await assert.rejects(checkReach(with_(facts(0o710, 0, 108)), 'disk', '/d/f', QEMU), closed)
  })

  it('is the owner’s for a folder that was given away', { skip: process.getuid?.() !== 0 }, async () => {
    const path = await fileIn('given', 0o700)
    await chown(join(directory, 'given'), QEMU.uid, QEMU.gid)
    await checkReach(host, 'disk', path, QEMU)
  })

  it('knows all groups of a user by its name', async () => {
    const texts: Readonly<Record<string, string>> = {
      '/etc/passwd': 'root:x:0:0::/:/bin/sh\nlibvirt-qemu:x:64055:107::/:/bin/false\n',
      '/etc/group': 'root:x:0:\nkvm:x:107:\ndisk:x:6:someone,libvirt-qemu\nother:x:9:someone\n',
    }
    const read = async (path: string) => new TextEncoder().encode(texts[path])
    const who = await identityOf({ ...host, files: { ...host.files, read } }, { uid: 64055, gid: 107 })
    assert.deepEqual([...who.groups].sort(), [107, 6])
  })
})

describe('O_DIRECT', () => {
  /** A host where qemu-img answers this, for a file system of this device number. */
  const hostWhere = (exitCode: number, stderr: string, device: string, runs: string[][] = []): Host => ({
    ...host,
    files: { ...host.files, stat: async () => ({ device }) as unknown as FileFacts },
    async run({ args }) {
      runs.push([...args])
      return { exitCode, stdout: '', stderr }
    },
  })

  it('is tried once for each file system', async () => {
    const runs: string[][] = []
    const direct = new DirectIo(hostWhere(0, '', '8:1', runs))
    assert.equal(await direct.works('/a'), true)
    assert.equal(await direct.works('/b'), true)
    assert.equal(runs.length, 1)
    assert.match(runs[0]?.at(-1) ?? '', /^json:\{.*"filename":"\/a","cache":\{"direct":true\}/)
  })

  it('is missing only where the file system refuses it', async () => {
    const refused = "qemu-img: Could not open 'json:…': filesystem does not support O_DIRECT"
    assert.equal(await new DirectIo(hostWhere(1, refused, '0:1')).works('/a'), false)
    assert.equal(await new DirectIo(hostWhere(1, 'Permission denied', '0:1')).works('/a'), true)
  })

  it('works on a file of this machine by qemu-img’s own try, names with commas and colons included', async () => {
    const path = join(directory, 'a,b:c.raw')
    await host.files.createSparse(path, 2 ** 20, 0o600)
    assert.equal(typeof (await new DirectIo(host).works(path)), 'boolean')
  })
})
