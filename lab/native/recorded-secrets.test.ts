import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { createNodeHost } from '#src/host/node-host.ts'
import { LocalKeyManager } from '#src/keys/local/local-key-manager.ts'
import { Bench, NAMESPACE, type Ran } from '#test/wrong-input/bench.ts'
import { GUEST_KERNEL_ARGUMENTS } from '../../tools/guest/pack-guest.ts'
import { makeRealHost } from '../holdfast-life.ts'
import { libvirtdOf, qemuOf } from '../processes.ts'

const TOOLS = ['/usr/sbin/cryptsetup', '/usr/bin/qemu-img', '/usr/sbin/losetup', '/usr/bin/ip', '/usr/sbin/dmsetup']
/** In libvirtd's namespaces; all but the logs are in memory there. */
const LIBVIRT_FOLDERS = ['etc/libvirt', 'run', 'var/lib/libvirt', 'var/cache/libvirt', 'var/log/libvirt']
const CHUNK = 4 << 20
const ZEROS = Buffer.alloc(CHUNK)

/** As bytes and as text in every spelling; LUKS knows the key by its hexadecimal digits, which may be spelt anew. */
function formsOf(key: Uint8Array): readonly Buffer[] {
  const bytes = Buffer.from(key)
  const hex = bytes.toString('hex')
  const texts = [hex, hex.toUpperCase(), bytes.toString('base64'), bytes.toString('base64url')]
  return [bytes, ...[...texts, Buffer.from(hex).toString('base64').slice(0, 80)].map(text => Buffer.from(text))]
}

/**
 * I6 without a gap: no tool can be missed, for each writes down itself how it was run before it runs. The command line is
 * told to say all that it knows; libvirt's own folders are looked through from inside.
 */
it('no key is in what any tool was given, in what was said, or in any file', { timeout: 200_000 }, async () => {
  await using real = await makeRealHost()
  const { stateDirectory: state, libvirtSocket, keyFile } = real.config
  await using outside = await Bench.open()
  const seen = join(outside.folder, 'seen')
  const temporary = join(outside.folder, 'tmp')
  for (const folder of [seen, temporary]) await mkdir(folder)
  const record = TOOLS.flatMap(tool => [
    'record',
    execFileSync('readlink', ['-f', tool], { encoding: 'utf8' }).trim(),
    seen,
  ])
  const prefix = [NAMESPACE, ...record, '--']
  const env = { HOLDFAST_LIBVIRT_SOCKET: libvirtSocket, HOLDFAST_DEBUG: '1', TMPDIR: temporary }
  const bench = outside.with({ state, prefix, env })
  const told: string[] = []
  const watched: Buffer[] = []

  async function run(...args: readonly string[]): Promise<Ran> {
    const ran = await bench.run(...args)
    told.push(ran.stdout, ran.stderr)
    return ran
  }
  async function works(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await run(...args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
  }
  const qemuIsWatched = async () => {
    const { id } = await bench.ok<{ id: string }>('instance', 'show', 'web')
    const pid = await qemuOf(id)
    for (const file of ['cmdline', 'environ']) watched.push(await readFile(`/proc/${pid}/${file}`))
  }

  const image = join(outside.folder, 'image.raw')
  execFileSync('truncate', ['-s', '1M', image])
  await works('volume', 'type', 'create', 'secret', '--encryption-provider', 'luks')
  await works('volume', 'create', '--size', '1', '--type', 'secret', 'root')
  await works('volume', 'create', '--size', '1', '--type', 'secret', '--image', image, 'data')
  await works('volume', 'create', '--source', 'root', 'copy')
  await works('snapshot', 'create', 'root', '--name', 'nightly')
  const { kernel, initrd } = real.guest
  const boot = ['--kernel', kernel, '--initrd', initrd, '--append', GUEST_KERNEL_ARGUMENTS]
  await works('instance', 'create', 'web', '--memory', '128', '--cpus', '1', ...boot, '--volume', 'root')
  await qemuIsWatched()
  await works('instance', 'attach', 'web', 'data')
  await works('instance', 'reboot', '--hard', 'web')
  await qemuIsWatched()

  const inside = join('/proc', String(await libvirtdOf(libvirtSocket)), 'root')
  const folders = [join(state, '..'), temporary, '/dev/shm', ...LIBVIRT_FOLDERS.map(name => join(inside, name))]
  const keys = await allKeys(state, keyFile)
  assert.equal(keys.length, 4)
  const whileItRuns = await filesBelow(folders)
  for (const path of whileItRuns) assert.equal(await isIn(keys, path), false, path)
  assert.ok(
    whileItRuns.some(path => path.endsWith('holdfast.db')) && whileItRuns.some(path => /qemu.*\.log$/.test(path)),
  )

  // No key slot is left, so that the errors of the tools are heard too.
  await works('instance', 'stop', 'web', '--now')
  execFileSync('cryptsetup', ['luksErase', '-q', join(state, 'volumes/pool', await fileOf('data'))])
  assert.notEqual((await run('instance', 'start', 'web')).code, 0)
  assert.notEqual((await run('volume', 'create', '--source', 'data', 'x')).code, 0)
  await works('operation', 'list', '--all')
  await works('volume', 'list', '--json')
  async function fileOf(name: string): Promise<string> {
    return `volume-${(await bench.ok<{ id: string }>('volume', 'show', name)).id}`
  }

  const runs = (await readdir(seen)).filter(name => name.startsWith('seen.'))
  for (const tool of ['cryptsetup', 'qemu-img'])
    assert.ok(
      runs.some(name => name.startsWith(`seen.${tool}.`)),
      tool,
    )
  for (const name of runs) assert.equal(await isIn(keys, join(seen, name)), false, name)
  for (const content of [...watched, Buffer.from(told.join('\n'))]) assert.equal(finds(keys, content), false)
  for (const path of await filesBelow(folders)) assert.equal(await isIn(keys, path), false, path)

  const hex = keys[0]?.[1]?.toString() ?? ''
  execFileSync(NAMESPACE, [...prefix.slice(1), 'qemu-img', '--version', hex])
  const caught = (await readdir(seen)).filter(name => name.startsWith('seen.') && !runs.includes(name))
  assert.equal((await Promise.all(caught.map(name => isIn(keys, join(seen, name))))).includes(true), true)
})

async function allKeys(state: string, path: string): Promise<readonly (readonly Buffer[])[]> {
  const directory = join(state, 'keys')
  const manager = new LocalKeyManager(createNodeHost(), { directory, masterKey: { path, kind: 'file' } })
  const ids = await manager.list()
  return await Promise.all(ids.map(async id => formsOf((await manager.get(id)).secret.reveal())))
}

const finds = (keys: readonly (readonly Buffer[])[], content: Buffer): boolean =>
  keys.some(forms => forms.some(form => content.includes(form)))

/** Piece by piece, for files of the pool are large and mostly holes; pieces overlap by more than a key's length. */
async function isIn(keys: readonly (readonly Buffer[])[], path: string): Promise<boolean> {
  await using file = await open(path, 'r').catch(() => undefined)
  if (!file) return false
  const piece = Buffer.alloc(CHUNK)
  for (let offset = 0; ; offset += CHUNK - 128) {
    const { bytesRead } = await file.read(piece, 0, CHUNK, offset)
    const content = piece.subarray(0, bytesRead)
    if (!ZEROS.subarray(0, bytesRead).equals(content) && finds(keys, content)) return true
    if (bytesRead < CHUNK) return false
  }
}

async function filesBelow(folders: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
    found.push(...entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)))
  }
  return found
}
