import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '#src/core/error.ts'
import type { Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type KeyFileSource, readKeyFile } from './key-file.ts'

const us = process.getuid?.() ?? 0
const other = us + 1

/** A host whose one file has this mode and owner. */
const withFile = (mode: number, uid: number): Pick<Host, 'files'> => ({
  files: {
    ...createNodeHost().files,
    stat: async () => ({ kind: 'file', size: 1, allocated: 1, mode, uid, inode: '', device: '' }),
    read: async () => new Uint8Array(1),
  },
})

const isRead = async (kind: KeyFileSource['kind'], mode: number, uid: number): Promise<boolean> => {
  try {
    using secret = await readKeyFile(withFile(mode, uid), { path: '/x', kind }, 'token')
    return secret?.length === 1
  } catch (error) {
    assert.ok(hasCode(error, 'key-file-mode'))
    return false
  }
}

describe('a file that holds a secret', () => {
  const modes = [0o600, 0o400, 0o440, 0o640, 0o444, 0o660, 0o604, 0o700]
  const read = async (kind: KeyFileSource['kind'], uid: number) => {
    const fits = await Promise.all(modes.map(mode => isRead(kind, mode, uid)))
    return modes.filter((_, index) => fits[index]).map(mode => mode.toString(8))
  }

  it('of our own has mode 0600 and is ours', async () => {
    assert.deepEqual(await read('file', us), ['600'])
    assert.deepEqual(await read('file', other), [])
  })

  it('given as a credential may be written by nobody, nor run', async () => {
    assert.deepEqual(await read('credential', us), ['400', '440'])
    assert.deepEqual(await read('credential', other), ['400', '440'])
  })

  it("written by another program is closed to others, and ours or root's", async () => {
    assert.deepEqual(await read('given', us), ['600', '400', '440', '700'])
    assert.deepEqual(await read('given', 4_000_000), [])
  })

  it('may be missing', async () => {
    const absent = { files: { ...createNodeHost().files, stat: async () => undefined } }
    assert.equal(await readKeyFile(absent, { path: '/x', kind: 'file' }, 'token'), undefined)
  })
})
