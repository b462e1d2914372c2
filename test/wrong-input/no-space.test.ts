import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, rm, statfs, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Bench, NAMESPACE, needsRoot } from './bench.ts'

const KIB = 1024
/** What is left free when a verb begins: so it strikes at its first write, at its last, and in between. */
const FREE_KIB = [0, 32, 64, 256, 2060, 2600, 4000, 5200]
/** What nothing is begun below. */
const RESERVE_KIB = 2048

/** A state on a small ext4 of its own, mounted in a namespace that lasts until it is disposed. */
class SmallDisk {
  readonly bench: Bench
  readonly #outside: Bench
  readonly #pid: number
  readonly #end: () => Promise<void>

  constructor(outside: Bench, bench: Bench, pid: number, end: () => Promise<void>) {
    this.#outside = outside
    this.bench = bench
    this.#pid = pid
    this.#end = end
  }

  static async make(): Promise<SmallDisk> {
    const outside = await Bench.open()
    const image = join(outside.folder, 'disk')
    await (await open(image, 'w')).close()
    await truncate(image, 3 * 2 ** 30)
    execFileSync('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', '-E', 'nodiscard', image])
    const at = join(outside.folder, 'mounted')
    await mkdir(at)
    // It holds the mount, and says so; the end of its stdin ends it.
    const words = ['file-system', image, at, '--', 'sh', '-c', 'echo mounted; exec cat']
    const holder = spawn(NAMESPACE, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    const prefix = ['nsenter', '--mount', '--target', String(holder.pid), '--']
    const bench = outside.with({ state: join(at, 'state'), prefix, hidden: true })
    return new SmallDisk(outside, bench, holder.pid ?? 0, async () => {
      holder.stdin.end()
      await once(holder, 'exit')
    })
  }

  /** As it is reached from outside the namespace. */
  path(name: string): string {
    return join('/proc', String(this.#pid), 'root', this.#outside.folder, 'mounted', name)
  }

  /** Leaves that much free, in 1024 bytes. */
  async leave(kib: number): Promise<void> {
    await this.free()
    const { bavail, bsize } = await statfs(this.path('.'))
    const ballast = bavail * bsize - kib * KIB
    // Its own map of extents takes a block or two: what is over is given back.
    execFileSync('fallocate', ['--length', String(ballast - 64 * KIB), this.path('ballast')])
    for (let piece = 0; ; piece++) {
      const left = await statfs(this.path('.'))
      const over = left.bavail * left.bsize - kib * KIB
      if (over < 4 * KIB) return
      execFileSync('fallocate', ['--length', String(over), this.path(`ballast-${piece}`)])
    }
  }

  async free(): Promise<void> {
    for (const name of ['ballast', ...Array.from({ length: 20 }, (_, piece) => `ballast-${piece}`)])
      await rm(this.path(name), { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
    await this.#outside[Symbol.asyncDispose]()
  }
}

describe('the disk is full', needsRoot, () => {
  let disk: SmallDisk
  let image: string

  before(async () => {
    disk = await SmallDisk.make()
    image = join(disk.bench.folder, 'image.raw')
    execFileSync('dd', ['if=/dev/urandom', `of=${image}`, 'bs=1M', 'count=3', 'status=none'])
    await disk.bench.make('volume', 'type', 'create', 'luks', '--encryption-provider', 'luks')
    await disk.bench.make('volume', 'create', '--size', '1', '--image', image, 'plain')
    await disk.bench.make('volume', 'create', '--size', '1', '--type', 'luks', '--image', image, 'secret')
    await disk.bench.run('instance', 'list')
  })
  after(async () => await disk[Symbol.asyncDispose]())

  const WRITING = {
    'volume type create': ['volume', 'type', 'create', 'x'],
    'volume create': ['volume', 'create', '--size', '1', 'x'],
    'volume create, encrypted': ['volume', 'create', '--size', '1', '--type', 'luks', 'x'],
    'volume create from an image': ['volume', 'create', '--size', '1', '--image', '$image', 'x'],
    'volume create from an image, encrypted': [
      'volume',
      'create',
      '--size',
      '1',
      '--type',
      'luks',
      '--image',
      '$image',
      'x',
    ],
    'volume create from a volume': ['volume', 'create', '--source', 'plain', 'x'],
    'volume create from an encrypted volume': ['volume', 'create', '--source', 'secret', 'x'],
    'snapshot create': ['snapshot', 'create', 'plain', '--name', 'x'],
    'snapshot create, encrypted': ['snapshot', 'create', 'secret', '--name', 'x'],
  }

  for (const [name, words] of Object.entries(WRITING)) {
    it(`${name}: no-space wherever it strikes, nothing half made, and done when there is space`, async () => {
      const args = words.map(word => (word === '$image' ? image : word))
      const struck = []
      for (const kib of FREE_KIB) {
        const before = await disk.bench.picture()
        await disk.leave(kib)
        const { code, stdout, stderr } = await disk.bench.run('--json', ...args)
        await disk.free()
        if (code === 0) {
          await undo(args, JSON.parse(stdout))
          continue
        }
        struck.push(kib)
        const { error } = JSON.parse(stderr.split('\n').find(line => line.startsWith('{"error"')) ?? '')
        assert.deepEqual([error.code, code], ['no-space', 11], `${kib} KiB: ${stderr}`)
        assert.match(error.message, /no space left/, `${kib} KiB`)
        assert.match(error.hint ?? '', /free/, `${kib} KiB`)
        assert.equal(error.left, null, `${kib} KiB`)
        assert.deepEqual(await disk.bench.picture(), before, `${kib} KiB: ${stderr}`)
      }
      assert.ok(struck.length > 0, 'the disk was never full')
      const writes = args.includes(image) || /plain|secret|luks/.test(args.join())
      assert.equal(
        struck.some(kib => kib > RESERVE_KIB),
        writes,
        `struck at ${struck} KiB`,
      )
      await undo(args, await disk.bench.ok(...args))
    })
  }

  const undo = async ([noun = '', verb]: readonly string[], { id, name }: { id?: string; name?: string }) => {
    const [more, what] = verb === 'type' ? [['type'], name] : [[], id]
    await disk.bench.ok(noun, ...more, 'delete', what ?? '')
  }

  it('instance create: what the journal cannot take is not begun, or is taken back when there is space', async () => {
    const before = await disk.bench.picture()
    const args = [
      'instance',
      'create',
      'web',
      '--memory',
      '128',
      '--cpus',
      '1',
      '--kernel',
      '/boot/k',
      '--volume',
      'plain',
    ]
    const codes = []
    for (const kib of FREE_KIB) {
      await disk.leave(kib)
      const { stderr } = await disk.bench.run('--json', ...args)
      await disk.free()
      const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
      codes.push(error.code)
      const unfinished = await disk.bench.ok<{ id: string }[]>('operation', 'list')
      for (const { id } of unfinished) await disk.bench.run('operation', 'resume', id)
      assert.deepEqual(await disk.bench.picture(), before, `${kib} KiB: ${stderr}`)
    }
    assert.deepEqual(new Set(codes), new Set(['no-space', 'hypervisor-unavailable']))
  })

  it('queries still answer, and room can be made by deleting', async () => {
    const id = await disk.bench.make('volume', 'create', '--size', '1', '--image', image, 'doomed')
    const before = await disk.bench.picture()
    await disk.leave(0)
    for (const args of [
      ['volume', 'list'],
      ['volume', 'show', 'plain'],
      ['instance', 'list'],
      ['operation', 'list'],
    ]) {
      const { code, stderr } = await disk.bench.run(...args)
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    }
    const full = { code: 'no-space', exit: 11, says: [/no space left/], hint: /free/ }
    await disk.bench.fails(['volume', 'create', '--size', '1', 'x'], full)
    await disk.bench.fails(['volume', 'delete', id], full)
    await disk.free()
    assert.deepEqual(await disk.bench.picture(), before)
    await disk.leave(256)
    const { code, stderr } = await disk.bench.run('volume', 'delete', id)
    assert.equal(code, 0, stderr)
    await disk.free()
  })

  it('growing takes no space now; where nothing may be promised it is refused', async () => {
    const id = await disk.bench.make('volume', 'create', '--size', '1', 'small')
    await disk.leave(4096)
    await disk.bench.ok('volume', 'extend', id, '2')
    await disk.free()
    const strict = disk.bench.with({ env: { HOLDFAST_OVERCOMMIT: 'false' } })
    await strict.refuses(['volume', 'extend', id, '3'], { code: 'no-space', exit: 11, says: [/fit/], hint: /./ })
    await disk.bench.run('volume', 'delete', id)
  })
})
