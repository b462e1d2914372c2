import assert from 'node:assert/strict'
import { mkdir, open, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Bench } from './bench.ts'

const GIB = 2 ** 30
const copyOf = (name: string) => ['volume', 'create', '--source', name, 'copy']
/** Verbs that read or change a volume's file. */
const verbs = (name: string) => [copyOf(name), ['snapshot', 'create', name], ['volume', 'extend', name, '2']]

describe('files of the pool that are not what they should be', () => {
  let bench: Bench
  const ids = new Map<string, string>()
  const file = (name: string) => join(bench.state, 'volumes/pool', `volume-${ids.get(name)}`)

  before(async () => {
    bench = await Bench.open()
    await bench.make('volume', 'type', 'create', 'luks', '--encryption-provider', 'luks')
    for (const name of ['a', 'b']) ids.set(name, await bench.make('volume', 'create', '--size', '1', name))
    for (const name of ['secret-a', 'secret-b'])
      ids.set(name, await bench.make('volume', 'create', '--size', '1', '--type', 'luks', name))
  })
  after(async () => await bench[Symbol.asyncDispose]())

  async function exchanged(one: string, other: string, work: () => Promise<void>): Promise<void> {
    const exchange = async () => {
      await rename(file(one), join(bench.folder, 'between'))
      await rename(file(other), file(one))
      await rename(join(bench.folder, 'between'), file(other))
    }
    await exchange()
    await work()
    await exchange()
  }

  /** Another file lies at the volume's path while `work` runs; then the volume's own is back. */
  async function replaced(name: string, put: (path: string) => Promise<unknown>, work: () => Promise<void>) {
    const own = join(bench.folder, 'own')
    await rename(file(name), own)
    await put(file(name))
    await work()
    await rm(file(name), { recursive: true, force: true })
    await rename(own, file(name))
  }

  const refuse = async (name: string, why: RegExp) => {
    const says = [file(name), why]
    for (const args of verbs(name))
      await bench.refuses(args, { code: 'wrong-device', exit: 9, says, hint: /put .* back/ })
  }

  it('exchanged with each other, plain or encrypted', async () => {
    for (const [one, other] of [
      ['a', 'b'],
      ['secret-a', 'secret-b'],
    ] as const)
      await exchanged(one, other, async () => {
        await refuse(one, /another file/)
        await refuse(other, /another file/)
      })
    await exchanged('a', 'secret-a', async () => {
      await refuse('a', /instead of 1073741824/)
      await refuse('secret-a', /1073741824 bytes instead of/)
    })
  })

  it("somebody else's file, folder or link in its place", async () => {
    const foreign = async (path: string, bytes: number) => {
      await using handle = await open(path, 'w', 0o600)
      await handle.write('foreign')
      await handle.truncate(bytes)
    }
    await replaced(
      'a',
      path => foreign(path, GIB),
      () => refuse('a', /another file/),
    )
    await replaced(
      'a',
      path => foreign(path, 4096),
      () => refuse('a', /4096 bytes/),
    )
    await replaced(
      'secret-a',
      path => foreign(path, GIB + 2 * 2 ** 20),
      () => refuse('secret-a', /another file/),
    )
    await replaced(
      'a',
      path => mkdir(path),
      () => refuse('a', /./),
    )
    const elsewhere = join(bench.folder, 'elsewhere')
    await foreign(elsewhere, GIB)
    await replaced(
      'a',
      path => symlink(elsewhere, path),
      () => refuse('a', /./),
    )
  })

  it('gone: told so, and the record stays', async () => {
    for (const name of ['a', 'secret-a'])
      await replaced(
        name,
        async () => {},
        async () => {
          for (const args of verbs(name))
            await bench.refuses(args, { code: 'storage-absent', exit: 7, says: [file(name)], hint: /mounted/ })
        },
      )
  })

  it('the whole pool gone, as of a file system that is not mounted', async () => {
    const pool = join(bench.state, 'volumes/pool')
    await rename(pool, join(bench.folder, 'pool'))
    for (const args of verbs('a')) await bench.refuses(args, { code: 'storage-absent', exit: 7, says: [file('a')] })
    await rm(pool, { recursive: true, force: true })
    await rename(join(bench.folder, 'pool'), pool)
    assert.equal((await bench.ok('volume', 'show', 'a')).status, 'available')
  })

  it('an encrypted one whose header was wiped is not taken for a blank one', async () => {
    await using handle = await open(file('secret-b'), 'r+')
    await handle.write(Buffer.alloc(4096), 0, 4096, 0)
    for (const args of [copyOf('secret-b'), ['snapshot', 'create', 'secret-b']])
      await bench.refuses(args, { code: 'not-luks', exit: 15, says: [file('secret-b')], hint: /restore the header/ })
  })

  it('nothing was lost by all that', async () => {
    await bench.make(...copyOf('a'))
    await bench.make(...copyOf('secret-a'))
  })
})
