import assert from 'node:assert/strict'
import { chmod, chown, copyFile, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Bench, needsRoot } from './bench.ts'

const MORE = ['volume', 'create', '--size', '1', '--type', 'luks', 'more']
const CLONE = ['volume', 'create', '--source', 'secret', 'copy']

/** What needs the key of the volume that is there; what makes a new one comes first. */
const NEEDS_KEY = [CLONE]

describe('the key store', () => {
  let bench: Bench
  let master: string
  let sealed: string

  beforeEach(async () => {
    bench = await Bench.open()
    await bench.make('volume', 'type', 'create', 'luks', '--encryption-provider', 'luks')
    await bench.make('volume', 'create', '--size', '1', '--type', 'luks', 'secret')
    master = join(bench.state, 'master.key')
    const [name = ''] = await readdir(join(bench.state, 'keys'))
    sealed = join(bench.state, 'keys', name)
  })
  afterEach(async () => await bench[Symbol.asyncDispose]())

  it('a master key that others may read is refused, and is as it was', async () => {
    for (const mode of [0o640, 0o604, 0o666, 0o400]) {
      await chmod(master, mode)
      const says = [master, `mode 0${mode.toString(8)}, not 0600`]
      for (const args of [MORE, CLONE])
        await bench.refuses(args, { code: 'key-file-mode', exit: 8, says, hint: /^chmod 600 / })
    }
  })

  it("a master key of another user's is refused", needsRoot, async () => {
    await chown(master, 65534, 65534)
    const says = [master, /belongs to user 65534, not 0/]
    for (const args of [MORE, CLONE])
      await bench.refuses(args, { code: 'key-file-mode', exit: 8, says, hint: /^chown 0 / })
  })

  it('a lost master key is never replaced while there are keys that it sealed', async () => {
    const kept = await readFile(master)
    await rename(master, `${master}.lost`)
    const missing = { code: 'master-key-missing', exit: 7, says: [master], hint: /restore the file from its backup/ }
    for (const args of [MORE, CLONE]) await bench.refuses(args, missing)
    await bench.run('volume', 'list')
    assert.equal((await readdir(bench.state)).includes('master.key'), false)
    await rename(`${master}.lost`, master)
    assert.deepEqual(await readFile(master), kept)
    await bench.ok(...CLONE)
  })

  it('another master key, or a part of one, is told from a damaged store', async () => {
    await writeFile(master, Buffer.alloc(32, 7))
    await bench.refuses(CLONE, { code: 'master-key-wrong', exit: 8, says: [/another master key/], hint: /./ })
    await writeFile(master, Buffer.alloc(31, 7))
    for (const args of [MORE, CLONE])
      await bench.refuses(args, {
        code: 'master-key-size',
        exit: 15,
        says: [master, /31 bytes, not 32/],
        hint: /backup/,
      })
  })

  it('a sealed key that is damaged, empty, or another is refused by name', async () => {
    const good = await readFile(sealed)
    const json = JSON.parse(good.toString()) as { sealed: string }
    const flipped = Buffer.from(json.sealed, 'base64')
    flipped[0] = (flipped[0] ?? 0) ^ 1
    for (const content of ['', '{', JSON.stringify({ ...json, sealed: flipped.toString('base64') })]) {
      await writeFile(sealed, content)
      for (const args of NEEDS_KEY)
        await bench.refuses(args, { code: 'key-store-corrupt', exit: 15, says: [sealed], hint: /restore/ })
    }
    await writeFile(sealed, good)
    await bench.ok(...MORE)
    const other = (await readdir(join(bench.state, 'keys'))).find(name => join(bench.state, 'keys', name) !== sealed)
    await copyFile(join(bench.state, 'keys', other ?? ''), sealed)
    await bench.refuses(CLONE, { code: 'key-store-corrupt', exit: 15, says: [sealed, /file of key/], hint: /restore/ })
  })

  it('a key that is gone is told by volume, and what needs no key goes on', async () => {
    await rename(sealed, `${sealed}.lost`)
    await bench.refuses(CLONE, { code: 'key-not-found', exit: 3, says: [/[0-9a-f-]{36}/] })
    assert.match((await bench.run('volume', 'list')).stdout, /secret/)
    await bench.make('volume', 'create', '--size', '1', 'plain')
  })
})
