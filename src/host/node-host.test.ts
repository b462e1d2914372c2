import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { fileError } from './file-error.ts'
import { hostFilesConformance } from './files-conformance.ts'
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

const run = promisify(execFile)

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

hostFilesConformance('this host', async () => {
  const own = await mkdtemp(join(tmpdir(), 'holdfast-files-'))
  return {
    files: host.files,
    folder: own,
    [Symbol.asyncDispose]: async () => await rm(own, { recursive: true }),
  }
})

describe('files of this host', () => {
  const rejects = async (code: string, work: Promise<unknown>) =>
    await assert.rejects(work, error => hasCode(error, code))

  it('keep holes in the middle of a copy', async () => {
    const [from, to] = [join(folder, 'from'), join(folder, 'to')]
    await host.files.createSparse(from, 8 * 2 ** 20 + 5, 0o600)
    const file = await open(from, 'r+')
    await file.write(Buffer.from('data'), 0, 4, 5 * 2 ** 20)
    await file.close()
    await host.files.copySparse(from, to, 0o600)
    assert.ok(((await host.files.stat(to))?.allocated ?? 0) < 3 * 2 ** 20)
    assert.ok((await readFile(to)).equals(await readFile(from)))
  })

  it('follow links', async () => {
    await symlink('/proc/self', join(folder, 'link'))
    assert.equal(await host.files.realPath(join(folder, 'link')), `/proc/${process.pid}`)
    assert.equal((await host.files.stat(join(folder, 'link')))?.kind, 'directory')
  })

  it('say what went wrong in the words of the port', async () => {
    await rejects('io-error', host.files.read(folder))
    await rejects('io-error', host.files.readAt(folder, 0, 1))
    const meant = (errno: string) => {
      const { kind, code, message } = fileError(Object.assign(new Error('x'), { code: errno }), 'write', '/a')
      return [kind, code, message]
    }
    assert.deepEqual(meant('ENOSPC'), ['no-space', 'no-space', 'could not write /a: no space left'])
    assert.deepEqual(meant('EACCES'), ['forbidden', 'forbidden', 'could not write /a: permission denied'])
    assert.deepEqual(meant('EROFS').slice(0, 2), ['forbidden', 'read-only'])
    assert.deepEqual(meant('EIO'), ['host-command', 'io-error', 'could not write /a: EIO'])
  })

  it('leave nothing behind when the disk fills up', {
    skip: process.getuid?.() === 0 ? false : 'needs root',
  }, async () => {
    const small = join(folder, 'small')
    await mkdir(small)
    await run('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', small])
    try {
      await writeFile(join(folder, 'big'), Buffer.alloc(8 * 2 ** 20, 1))
      await rejects('no-space', host.files.copySparse(join(folder, 'big'), join(small, 'copy'), 0o600))
      await rejects('no-space', host.files.writeAtomic(join(small, 'state'), Buffer.alloc(4 * 2 ** 20, 1), 0o600))
      assert.deepEqual(await host.files.list(small), [])
      assert.ok((await host.files.freeBytes(small)) > 2 * 2 ** 20)
    } finally {
      await run('umount', [small])
    }
  })
})
