import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import { MIB } from '#src/core/sizes.ts'
import type { HostFiles } from './host.ts'

export interface HostFilesFixture extends AsyncDisposable {
  readonly files: HostFiles
  /** A folder that is there and empty. */
  readonly folder: string
}

/** What a host's files do; run by the real ones and by the simulated ones. */
export function hostFilesConformance(name: string, make: () => Promise<HostFilesFixture>): void {
  describe(`files: ${name}`, () => {
    let fixture: HostFilesFixture
    let files: HostFiles
    beforeEach(async () => {
      fixture = await make()
      files = fixture.files
    })
    afterEach(async () => await fixture[Symbol.asyncDispose]())

    const path = (of: string) => `${fixture.folder}/${of}`
    const bytes = (text: string) => new TextEncoder().encode(text)
    const text = (found: Uint8Array | undefined) => found && Buffer.from(found).toString()
    const rejects = async (code: string, work: Promise<unknown>) =>
      await assert.rejects(work, error => {
        assert.ok(hasCode(error, code), String(error))
        return true
      })

    it('say nothing for what is not there', async () => {
      assert.equal(await files.stat(path('absent/below')), undefined)
      assert.equal(await files.read(path('absent')), undefined)
      assert.equal(await files.realPath(path('absent')), undefined)
      assert.equal(await files.remove(path('absent')), false)
      await rejects('file-not-found', files.readAt(path('absent'), 0, 1))
      await rejects('file-not-found', files.list(path('absent')))
      await rejects('file-not-found', files.rename(path('absent'), path('a')))
      await rejects('file-not-found', files.writeAtomic(path('absent/a'), bytes('x'), 0o600))
    })

    it('keep the inode of a renamed file, and give another file another', async () => {
      await files.createSparse(path('one'), 4096, 0o600)
      const one = await files.stat(path('one'))
      assert.deepEqual([one?.kind, one?.size, one?.allocated, one?.mode], ['file', 4096, 0, 0o600])
      await rejects('conflict', files.createSparse(path('one'), 1, 0o600))
      await files.createSparse(path('two'), 4096, 0o600)
      assert.notEqual((await files.stat(path('two')))?.inode, one?.inode)
      await files.rename(path('one'), path('three'))
      assert.deepEqual((await files.stat(path('three')))?.inode, one?.inode)
      assert.equal(await files.stat(path('one')), undefined)
      assert.match(one?.device ?? '', /^\d+:\d+$/)
    })

    it('replace a file whole, with the mode asked for', async () => {
      await files.writeAtomic(path('state'), bytes('old'), 0o644)
      await files.writeAtomic(path('state'), bytes('newer'), 0o600)
      assert.equal(text(await files.read(path('state'))), 'newer')
      const facts = await files.stat(path('state'))
      assert.deepEqual([facts?.size, facts?.mode], [5, 0o600])
      assert.deepEqual(await files.list(fixture.folder), ['state'])
      assert.equal(await files.remove(path('state')), true)
      assert.equal(await files.stat(path('state')), undefined)
    })

    it('copy content and size, and never over something', async () => {
      await files.writeAtomic(path('from'), bytes('data'), 0o600)
      await files.truncate(path('from'), 8 * MIB + 5)
      await files.copySparse(path('from'), path('to'), 0o640)
      const facts = await files.stat(path('to'))
      assert.deepEqual([facts?.size, facts?.mode], [8 * MIB + 5, 0o640])
      assert.ok((facts?.allocated ?? 0) < 3 * MIB, `allocated ${facts?.allocated}`)
      assert.equal(text(await files.readAt(path('to'), 0, 5)), 'data\0')
      assert.notEqual(facts?.inode, (await files.stat(path('from')))?.inode)
      await rejects('conflict', files.copySparse(path('from'), path('to'), 0o600))
    })

    it('leave nothing of a copy that fails', async () => {
      await rejects('file-not-found', files.copySparse(path('absent'), path('copy'), 0o600))
      await files.writeAtomic(path('from'), bytes('data'), 0o600)
      const gone = files.copySparse(path('from'), path('copy'), 0o600, AbortSignal.abort(new Error('enough')))
      await assert.rejects(gone, /enough/)
      assert.equal(await files.stat(path('copy')), undefined)
    })

    it('read a part, fewer bytes at the end; grow and cut', async () => {
      await files.writeAtomic(path('text'), bytes('abcdef'), 0o600)
      assert.equal(text(await files.readAt(path('text'), 2, 3)), 'cde')
      assert.equal(text(await files.readAt(path('text'), 4, 30)), 'ef')
      assert.equal((await files.readAt(path('text'), 40, 30)).length, 0)
      await files.truncate(path('text'), 8)
      assert.equal(text(await files.read(path('text'))), 'abcdef\0\0')
      await files.truncate(path('text'), 2)
      assert.equal(text(await files.read(path('text'))), 'ab')
    })

    it('sync what a program writes: its result or failure passes, and there must be a file', async () => {
      await files.writeAtomic(path('text'), bytes('old'), 0o600)
      const work = async () => {
        await files.truncate(path('text'), 1)
        return 'written'
      }
      assert.equal(await files.synced(path('text'), work), 'written')
      assert.equal(text(await files.read(path('text'))), 'o')
      await assert.rejects(
        files.synced(path('text'), () => Promise.reject(new Error('broke off'))),
        /broke off/,
      )
      await rejects('file-not-found', files.synced(path('absent'), work))
    })

    it('make folders with their parents, list them in order, and say how much is free', async () => {
      await files.makeDirectory(path('d/e'), 0o700)
      await files.makeDirectory(path('d/e'), 0o700)
      for (const name of ['b', 'a', 'c']) await files.createSparse(path(`d/e/${name}`), 1, 0o600)
      assert.deepEqual(await files.list(path('d/e')), ['a', 'b', 'c'])
      assert.deepEqual(await files.list(path('d')), ['e'])
      assert.equal((await files.stat(path('d/e')))?.kind, 'directory')
      assert.equal(await files.realPath(path('d/e')), path('d/e'))
      assert.ok((await files.freeBytes(path('d'))) > 0)
      assert.ok((await files.totalBytes(path('d'))) >= (await files.freeBytes(path('d'))))
    })
  })
}
