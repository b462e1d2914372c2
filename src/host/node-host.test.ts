import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { CommandRequest, Host } from './host.ts'
import { createNodeHost } from './node-host.ts'

/** A stand-in for a tool: what it does is the script; `$1` … are its arguments. */
const SCRIPTS = {
  cryptsetup: 'cat; echo "said $#: $*" >&2',
  dmsetup: 'printf "first\\nDevice is \\033[31mbusy\\n" >&2; exit 5',
  losetup: 'trap "" TERM; echo started >&2; while :; do sleep 0.05; done',
  ip: 'env',
  blockdev: 'exec 0<&-; exit 3',
  'qemu-img': 'head -c 20000000 /dev/zero; sleep 100',
} as const

let folder: string
let host: Host

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-host-'))
  for (const [tool, script] of Object.entries(SCRIPTS)) {
    await writeFile(join(folder, tool), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder, tool), 0o755)
  }
  host = createNodeHost({ name: 'compute-1', folders: [folder] })
})

after(async () => await rm(folder, { recursive: true }))

const failure = async (request: CommandRequest): Promise<HoldfastError> => {
  const error = await host.run(request).then(
    () => undefined,
    reason => reason,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  return error
}

describe('running a program', () => {
  it('gives input to its stdin, then end of file, and arguments as they are', async () => {
    const input = new TextEncoder().encode('secret')
    const result = await host.run({ tool: 'cryptsetup', args: ['a b', '$HOME', ';'], input })
    assert.deepEqual(result, { exitCode: 0, stdout: 'secret', stderr: 'said 3: a b $HOME ;\n' })
  })

  it('begins the message with how it ended, then the command and its last words', async () => {
    const error = await failure({ tool: 'dmsetup', args: ['remove', 'a name'] })
    assert.equal(error.code, 'command-failed')
    assert.equal(error.message, "exit code 5 from dmsetup remove 'a name': first; Device is  [31mbusy")
    assert.deepEqual([error.details.exitCode, error.details.command], [5, "dmsetup remove 'a name'"])
  })

  it('takes an exit code as an answer if it is named', async () => {
    assert.equal((await host.run({ tool: 'dmsetup', args: [], okCodes: [0, 5] })).exitCode, 5)
    assert.equal((await failure({ tool: 'dmsetup', args: [], okCodes: [4] })).details.exitCode, 5)
  })

  it('kills a program that ignores SIGTERM, at the deadline', async () => {
    const error = await failure({ tool: 'losetup', args: ['--list'], deadlineMs: 300 })
    assert.equal(error.kind, 'timeout')
    assert.match(error.message, /^not finished within 300 ms: losetup --list: started$/)
    assert.equal(error.details.left, undefined)
  })

  it('ends it when the signal is aborted, with the reason of the signal', async () => {
    const reason = new HoldfastError('timeout', 'timeout', 'step')
    const abort = new AbortController()
    const running = host.run({ tool: 'qemu-img', args: [], signal: abort.signal })
    abort.abort(reason)
    await assert.rejects(running, error => error === reason)
    await assert.rejects(host.run({ tool: 'ip', args: [], signal: abort.signal }), error => error === reason)
  })

  it('passes nothing of its own environment on', async () => {
    const { stdout } = await host.run({ tool: 'ip', args: [] })
    const names = stdout.split('\n').flatMap(line => line.split('=')[0] || [])
    assert.deepEqual(names.filter(name => !['PWD', '_', 'SHLVL', 'OLDPWD'].includes(name)).sort(), ['LC_ALL', 'PATH'])
  })

  it('tells how it ended when it did not read its input', async () => {
    const error = await failure({ tool: 'blockdev', args: [], input: new Uint8Array(2 ** 20) })
    assert.equal(error.details.exitCode, 3)
  })

  it('stops a program that writes without end', async () => {
    const error = await failure({ tool: 'qemu-img', args: ['x'], deadlineMs: 50_000 })
    assert.match(error.message, /^killed for writing too much: qemu-img x$/)
  })

  it('names the package of a tool that is missing, and finds it once it is there', async () => {
    const error = await failure({ tool: 'qemu-system-x86_64', args: [] })
    assert.equal(error.code, 'command-missing')
    assert.match(String(error.details.hint), /qemu-system-x86$/)
    await writeFile(join(folder, 'qemu-system-x86_64'), '#!/bin/sh\n', { mode: 0o755 })
    assert.equal((await host.run({ tool: 'qemu-system-x86_64', args: [] })).exitCode, 0)
  })
})

describe('files', () => {
  const path = (name: string) => join(folder, name)
  const rejects = async (code: string, work: Promise<unknown>) =>
    await assert.rejects(work, error => hasCode(error, code))

  it('says nothing for what is not there', async () => {
    assert.equal(await host.files.stat(path('absent/below')), undefined)
    assert.equal(await host.files.read(path('absent')), undefined)
    assert.equal(await host.files.realPath(path('absent')), undefined)
    assert.equal(await host.files.remove(path('absent')), false)
    await rejects('file-not-found', host.files.readAt(path('absent'), 0, 1))
  })

  it('keeps the inode of a renamed file, and gives a new one to another', async () => {
    await host.files.createSparse(path('one'), 4096, 0o600)
    const one = await host.files.stat(path('one'))
    assert.deepEqual([one?.kind, one?.size, one?.allocated, one?.mode], ['file', 4096, 0, 0o600])
    await rejects('conflict', host.files.createSparse(path('one'), 1, 0o600))
    await host.files.createSparse(path('two'), 4096, 0o600)
    assert.notEqual((await host.files.stat(path('two')))?.inode, one?.inode)
    await host.files.rename(path('one'), path('three'))
    assert.equal((await host.files.stat(path('three')))?.inode, one?.inode)
    assert.match(one?.device ?? '', /^\d+:\d+$/)
  })

  it('replaces a file whole, with the mode asked for', async () => {
    await host.files.writeAtomic(path('state'), new TextEncoder().encode('old'), 0o644)
    await host.files.writeAtomic(path('state'), new TextEncoder().encode('new'), 0o600)
    assert.equal(await readFile(path('state'), 'utf8'), 'new')
    assert.equal((await host.files.stat(path('state')))?.mode, 0o600)
    assert.deepEqual(
      (await host.files.list(folder)).filter(name => name.startsWith('state')),
      ['state'],
    )
  })

  it('copies data and keeps holes', async () => {
    await host.files.createSparse(path('from'), 8 * 2 ** 20 + 5, 0o600)
    const handle = await import('node:fs/promises').then(fs => fs.open(path('from'), 'r+'))
    await handle.write(Buffer.from('data'), 0, 4, 5 * 2 ** 20)
    await handle.close()
    await host.files.copySparse(path('from'), path('to'), 0o640)
    const facts = await host.files.stat(path('to'))
    assert.deepEqual([facts?.size, facts?.mode], [8 * 2 ** 20 + 5, 0o640])
    assert.ok((facts?.allocated ?? 0) < 3 * 2 ** 20, `allocated ${facts?.allocated}`)
    assert.ok((await readFile(path('to'))).equals(await readFile(path('from'))))
    await rejects('conflict', host.files.copySparse(path('from'), path('to'), 0o600))
  })

  it('leaves nothing of a copy that fails', async () => {
    await rejects('file-not-found', host.files.copySparse(path('absent'), path('copy'), 0o600))
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    await assert.rejects(host.files.copySparse(path('from'), path('copy'), 0o600, abort.signal), /enough/)
    assert.equal(await host.files.stat(path('copy')), undefined)
  })

  it('says what was being done when the disk is full', async () => {
    await assert.rejects(host.files.copySparse('/dev/zero', '/dev/full', 0o600), error => hasCode(error, 'conflict'))
    const { fileError } = await import('./file-error.ts')
    const full = Object.assign(new Error('x'), { code: 'ENOSPC' })
    const error = fileError(full, 'write', '/a')
    assert.deepEqual(
      [error.kind, error.code, error.message],
      ['no-space', 'no-space', 'could not write /a: no space left'],
    )
  })

  it('reads a part, fewer bytes at the end', async () => {
    await writeFile(path('text'), 'abcdef')
    assert.equal(Buffer.from(await host.files.readAt(path('text'), 2, 3)).toString(), 'cde')
    assert.equal(Buffer.from(await host.files.readAt(path('text'), 4, 30)).toString(), 'ef')
    assert.equal((await host.files.readAt(path('text'), 40, 30)).length, 0)
    await host.files.truncate(path('text'), 100)
    assert.equal((await host.files.stat(path('text')))?.size, 100)
  })

  it('makes folders with their parents, and says how much is free', async () => {
    await host.files.makeDirectory(path('d/e'), 0o700)
    await host.files.makeDirectory(path('d/e'), 0o700)
    assert.equal((await host.files.stat(path('d/e')))?.kind, 'directory')
    assert.ok((await host.files.freeBytes(path('d'))) > 0)
  })
})
