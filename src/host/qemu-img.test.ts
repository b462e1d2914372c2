import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import type { CommandRequest, Host } from './host.ts'
import { withMemoryFile } from './memory-file.ts'
import { createNodeHost } from './node-host.ts'
import { copyRaw, inspectImage, parseInfo, sameContent, writeImage } from './qemu-img.ts'

const real = createNodeHost()
const ran: CommandRequest[] = []
const host: Host = {
  ...real,
  run: async request => {
    ran.push(request)
    return await real.run(request)
  },
}

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-images-'))
})
after(async () => await rm(folder, { recursive: true }))

const at = (name: string) => join(folder, name)
const qemuImg = (...args: string[]) => real.run({ tool: 'qemu-img', args })

async function write(name: string, bytes: string | Uint8Array, size?: number): Promise<string> {
  await writeFile(at(name), bytes)
  if (size !== undefined) {
    const file = await open(at(name), 'r+')
    await file.truncate(size)
    await file.close()
  }
  return at(name)
}

async function qcow2(name: string, ...options: string[]): Promise<string> {
  await qemuImg('create', '-q', '-f', 'qcow2', ...options, at(name), '1M')
  return at(name)
}

async function patch(path: string, offset: number, bytes: readonly number[]): Promise<string> {
  const file = await open(path, 'r+')
  await file.write(Uint8Array.from(bytes), 0, bytes.length, offset)
  await file.close()
  return path
}

/** Refused with this code, and without qemu-img having been asked, unless `asked`. */
async function refuses(path: string, code: string, message: RegExp, asked = false): Promise<void> {
  ran.length = 0
  await assert.rejects(inspectImage(host, path), (error: unknown) => {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  })
  assert.equal(ran.length > 0, asked, 'qemu-img was asked')
}

describe('images', () => {
  it('are raw or qcow2, told by their own bytes, through links, whatever their name', async () => {
    const raw = await write("comma, space & quote'.vmdk", 'boot', MIB)
    const found = await inspectImage(host, raw)
    assert.deepEqual([found.format, found.virtualSize], ['raw', MIB])
    const image = await qcow2('a,b.raw')
    await symlink(image, at('link'))
    for (const path of [image, at('link')]) {
      const { format, virtualSize } = await inspectImage(host, path)
      assert.deepEqual([format, virtualSize], ['qcow2', MIB])
    }
    for (const { args, deadlineMs } of ran) {
      assert.ok(args.includes('-f') && deadlineMs !== undefined)
    }
  })

  it('of other formats are refused before qemu-img may open what they name', async () => {
    for (const format of ['vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'parallels']) {
      await qemuImg('create', '-q', '-f', format, at(`one.${format}`), '1M')
      await refuses(at(`one.${format}`), 'invalid-image', new RegExp(`format is ${format}`))
    }
    await qemuImg('create', '-q', '-f', 'vpc', '-o', 'subformat=fixed,force_size', at('fixed.vhd'), '1M')
    await refuses(at('fixed.vhd'), 'invalid-image', /format is vpc/)
    const descriptor = await write('text.vmdk', '# Disk DescriptorFile\nversion=1\nRW 1 FLAT "/etc/shadow" 0\n')
    await refuses(descriptor, 'invalid-image', /format is vmdk/)
    await refuses(await write('luks', Buffer.from('LUKS\xba\xbe', 'latin1'), MIB), 'invalid-image', /format is luks/)
    await refuses(await write('packed.gz', Uint8Array.of(0x1f, 0x8b), 512), 'invalid-image', /gzip/)
  })

  it('that lead to other files are refused unasked (CVE-2015-5163, CVE-2024-32498)', async () => {
    const base = await write('base.raw', 'base', MIB)
    await qemuImg('create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', at('backed.qcow2'))
    await refuses(at('backed.qcow2'), 'image-backing-file', /backing file/)
    await qemuImg(
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      `data_file=${at('data.raw')},data_file_raw=on`,
      at('data.qcow2'),
      '1M',
    )
    await refuses(at('data.qcow2'), 'image-backing-file', /another file/)
    await refuses(await patch(await qcow2('encrypted.qcow2'), 35, [1]), 'invalid-image', /encrypted/)
  })

  it('that are damaged, empty or no file are refused', async () => {
    await refuses(at('absent'), 'image-not-found', /absent/)
    await refuses('not/absolute', 'invalid-image', /absolute/)
    await refuses('json:{"driver":"nbd"}', 'invalid-image', /absolute/)
    await refuses(folder, 'invalid-image', /regular file/)
    await refuses('/dev/zero', 'invalid-image', /regular file/)
    await refuses(await write('empty', ''), 'invalid-image', /empty/)
    await refuses(await write('odd', 'x', 1000), 'invalid-image', /multiple of 512/)
    await refuses(
      await write('cut.qcow2', Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3)),
      'invalid-image',
      /cut off/,
    )
    await refuses(await patch(await qcow2('version'), 7, [9]), 'invalid-image', /version is 9/)
    await refuses(await patch(await qcow2('huge'), 24, [0x7f]), 'invalid-image', /tells a size/)
    await refuses(await patch(await qcow2('clusters'), 23, [63]), 'invalid-image', /qemu-img refuses it/, true)
  })

  it("are refused when qemu-img's answer is not what is expected", () => {
    const good = { format: 'raw', 'virtual-size': 512, 'actual-size': 0 }
    assert.deepEqual(parseInfo('/i', JSON.stringify(good)), { format: 'raw', virtualSize: 512, actualSize: 0 })
    for (const bad of [
      { ...good, 'backing-filename': '/etc/shadow' },
      { ...good, 'full-backing-filename': '' },
      { ...good, format: 'vmdk' },
      { ...good, format: undefined },
      { ...good, 'virtual-size': '512' },
      { ...good, 'virtual-size': -1 },
      { ...good, 'virtual-size': 1e300 },
      { ...good, encrypted: true },
      { ...good, 'format-specific': { type: 'qcow2', data: { 'data-file': '/etc/shadow' } } },
      { ...good, 'format-specific': { type: 'qcow2', data: { corrupt: true } } },
      [good],
      null,
      7,
    ]) {
      assert.throws(() => parseInfo('/i', JSON.stringify(bad)), HoldfastError, JSON.stringify(bad))
    }
    for (const text of ['', '{', 'image: /i\nfile format: raw']) {
      assert.throws(() => parseInfo('/i', text), /not JSON/)
    }
  })
})

describe('copies', () => {
  it('have the content, and holes stay holes', async () => {
    const source = await write('sparse', 'data', 64 * MIB)
    await real.files.createSparse(at('copy'), 64 * MIB, 0o600)
    await copyRaw(host, source, at('copy'))
    assert.equal(await sameContent(host, source, at('copy')), true)
    assert.ok(((await real.files.stat(at('copy')))?.allocated ?? MIB) < MIB)
    await patch(at('copy'), 63 * MIB, [1])
    assert.equal(await sameContent(host, source, at('copy')), false)
  })

  it('that find no room are no-space', async () => {
    const said = 'qemu-img: error while writing at byte 2097152: No space left on device'
    const failed = new HoldfastError('host-command', 'command-failed', `exit code 1 from qemu-img convert: ${said}`)
    const full: Host = { ...real, run: () => Promise.reject(failed) }
    const isNoSpace = (error: unknown) => error instanceof HoldfastError && error.code === 'no-space'
    await assert.rejects(writeImage(full, { path: '/image', format: 'raw' }, at('copy')), isNoSpace)
    await assert.rejects(copyRaw(full, '/volume', at('copy')), isNoSpace)
  })
})

describe('a file in memory', () => {
  it('has the bytes while it is used, no name ever, and is gone afterwards', async () => {
    const bytes = new TextEncoder().encode('0f1e2d3c')
    let path = ''
    const seen = await withMemoryFile(new Secret(bytes), async given => {
      path = given
      for (const name of await readdir('/dev/shm')) {
        const text = await readFile(join('/dev/shm', name), 'latin1').catch(() => '')
        assert.ok(!text.includes('0f1e2d3c'))
      }
      return await readFile(given, 'latin1')
    })
    assert.equal(seen, '0f1e2d3c')
    await assert.rejects(readFile(path), /ENOENT/)
    await assert.rejects(
      withMemoryFile(new Secret(bytes), () => Promise.reject(new Error('work failed'))),
      /work failed/,
    )
  })
})
