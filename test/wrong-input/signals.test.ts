import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Bench, ended } from './bench.ts'

const IMAGE_MIB = 512
const WRITTEN = 4 * 2 ** 20

/** A long copy, ended by a signal when some of it is written and most is not. */
describe('a command that is ended in the middle of its work', () => {
  let bench: Bench
  let image: string
  before(async () => {
    bench = await Bench.open()
    image = join(bench.folder, 'image.raw')
    execFileSync('dd', ['if=/dev/urandom', `of=${image}`, 'bs=1M', `count=${IMAGE_MIB}`, 'status=none'])
    await bench.make('volume', 'type', 'create', 'luks', '--encryption-provider', 'luks')
    await bench.make('volume', 'create', '--size', '1', '--image', image, 'source')
    await bench.make('volume', 'create', '--size', '1', '--type', 'luks', '--image', image, 'secret')
  })
  after(async () => await bench[Symbol.asyncDispose]())

  const pool = () => join(bench.state, 'volumes/pool')

  /** Waits until a file that was not there has content; gives undefined if the command ended before. */
  async function begun(before: ReadonlySet<string>, isOver: () => boolean): Promise<string | undefined> {
    while (!isOver()) {
      for (const name of await readdir(pool())) {
        const facts = before.has(name) ? undefined : await stat(join(pool(), name)).catch(() => undefined)
        if ((facts?.blocks ?? 0) * 512 > WRITTEN) return name
      }
      await sleep(1)
    }
    return undefined
  }

  async function endedBy(signal: NodeJS.Signals, args: readonly string[]) {
    const before = new Set(await readdir(pool()))
    const child = bench.start(args)
    let over = false
    const end = ended(child).finally(() => {
      over = true
    })
    const file = await begun(before, () => over)
    child.kill(signal)
    assert.ok(file, `it ended too soon: ${(await end).stderr}`)
    return await end
  }

  const LONG = {
    'volume create from an image': () => ['volume', 'create', '--size', '1', '--image', image, 'x'],
    'volume create from an image, encrypted': () => [
      'volume',
      'create',
      '--size',
      '1',
      '--type',
      'luks',
      '--image',
      image,
      'x',
    ],
    'volume create from a volume': () => ['volume', 'create', '--source', 'source', 'x'],
    'snapshot create, encrypted': () => ['snapshot', 'create', 'secret', '--name', 'x'],
  }

  for (const [name, args] of Object.entries(LONG)) {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      it(`${name}, by ${signal}: it is undone before the process ends`, async () => {
        const before = await bench.picture()
        const ran = await endedBy(signal, args())
        assert.deepEqual([ran.code, ran.signal, ran.stdout], [code, null, ''], ran.stderr)
        assert.match(ran.stderr, new RegExp(`^stopping: [^]*^error: stopped by ${signal}$`, 'm'))
        assert.doesNotMatch(ran.stderr, /^\s+at /m)
        assert.deepEqual(await bench.picture(), before)
      })
    }

    it(`${name}, by SIGKILL: the next command settles it, and it can be done again`, async () => {
      const before = await bench.picture()
      const ran = await endedBy('SIGKILL', args())
      assert.equal(ran.signal, 'SIGKILL')
      const [noun = ''] = args()
      const [left] = (await bench.ok<{ id: string; name: string; status: string }[]>(noun, 'list')).filter(isOurs)
      assert.equal(left?.status, 'creating')
      const note = await bench.run('volume', 'type', 'create', 'next')
      assert.match(note.stderr, new RegExp(`note: ${noun} ${left.id} was left 'creating' .* it was settled`))
      assert.equal((await bench.ok(noun, 'show', left.id)).status, 'error')
      assert.equal(
        (await readdir(pool())).some(file => file.includes(left.id)),
        false,
      )
      await bench.ok(noun, 'delete', left.id)
      await bench.ok(noun, 'delete', await bench.make(...args()))
      await bench.ok('volume', 'type', 'delete', 'next')
      assert.deepEqual(await bench.picture(), before)
    })
  }

  const isOurs = ({ name }: { readonly name: string }) => name === 'x'
})
