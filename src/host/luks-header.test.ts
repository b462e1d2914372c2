import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { hasCode } from '#src/core/error.ts'
import { MIB } from '#src/core/sizes.ts'
import { readLuksHeader } from './luks-header.ts'
import { createNodeHost } from './node-host.ts'

const run = promisify(execFile)
const host = createNodeHost()
let folder: string
let keyFile: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-header-'))
  keyFile = join(folder, 'key')
  await writeFile(keyFile, 'a key')
})
after(async () => await rm(folder, { recursive: true }))

const FAST = ['--batch-mode', '--pbkdf-force-iterations']
const PBKDF2 = [...FAST, '1000', '--pbkdf', 'pbkdf2']
/** One thread: of more cryptsetup takes only as many as there are processors. */
const argon = (kind: string, kib: number) =>
  [...FAST, '4', '--pbkdf', kind, '--pbkdf-memory', `${kib}`, '--pbkdf-parallel', '1'] as const

/** A file that the real cryptsetup formats, with a key slot for each further list of options. */
async function formatted(name: string, options: readonly string[], ...more: readonly (readonly string[])[]) {
  const path = join(folder, name)
  await host.files.createSparse(path, 20 * MIB, 0o600)
  await run('cryptsetup', ['luksFormat', ...options, '--key-file', keyFile, path])
  for (const slot of more) await run('cryptsetup', ['luksAddKey', ...slot, '--key-file', keyFile, path, keyFile])
  return path
}

const costOf = async (path: string) => (await readLuksHeader(host, path))?.derivation

/** Writes another cost into the first slot of a LUKS2 header, and the right checksum. */
async function patch(
  path: string,
  change: Readonly<Record<string, unknown>>,
  slot: Readonly<Record<string, unknown>> = {},
) {
  const header = (await readFile(path)).subarray(0, 16384)
  const json = JSON.parse(header.toString('utf8', 4096).replace(/\0.*$/s, ''))
  Object.assign(json.keyslots['0'], slot)
  Object.assign(json.keyslots['0'].kdf, change)
  header.fill(0, 4096).write(JSON.stringify(json), 4096)
  header.fill(0, 448, 512)
  createHash('sha256').update(header).digest().copy(header, 448)
  const file = await open(path, 'r+')
  await file.write(header, 0, header.length, 0)
  await file.close()
}

describe('what deriving a key takes', () => {
  it('is nothing worth counting with PBKDF2', async () => {
    const cheap = { memoryBytes: 0, threads: 1 }
    assert.deepEqual(await costOf(await formatted('luks1', ['--type', 'luks1', ...PBKDF2])), cheap)
    assert.deepEqual(await costOf(await formatted('pbkdf2', ['--type', 'luks2', ...PBKDF2])), cheap)
  })

  it('is as much as Argon2 was given, of the slot that takes most', async () => {
    for (const kind of ['argon2i', 'argon2id']) {
      const path = await formatted(kind, ['--type', 'luks2', ...argon(kind, 8192)])
      assert.deepEqual(await costOf(path), { memoryBytes: 8 * MIB, threads: 1 })
    }
    const many = await formatted('many', ['--type', 'luks2', ...PBKDF2], argon('argon2i', 8192))
    await patch(many, { type: 'argon2id', memory: 4096, cpus: 3 })
    assert.deepEqual(await costOf(many), { memoryBytes: 8 * MIB, threads: 3 })
  })

  it('is refused where it makes no sense (I10)', async () => {
    const path = await formatted('strange', ['--type', 'luks2', ...argon('argon2id', 4096)])
    await patch(path, { memory: 4 * 2 ** 20, cpus: 4 })
    assert.deepEqual(await costOf(path), { memoryBytes: 2 ** 32, threads: 4 })
    const wrong = [
      { memory: 4 * 2 ** 20 + 1 },
      { memory: 0 },
      { memory: -1 },
      { memory: 4096.5 },
      { memory: '4096' },
      { memory: null },
      { cpus: 0 },
      { cpus: 2 ** 24 },
      { cpus: true },
      { type: 'scrypt' },
      { type: null },
    ]
    for (const change of wrong) {
      await patch(path, { type: 'argon2id', memory: 4096, cpus: 2, ...change })
      await assert.rejects(readLuksHeader(host, path), error => {
        assert.ok(hasCode(error, 'luks-header-corrupt'), String(error))
        assert.match((error as Error).message, /key slot/)
        return true
      })
    }
  })

  it('is nothing of a slot that no passphrase opens', async () => {
    const path = await formatted('reencrypt', ['--type', 'luks2', ...argon('argon2id', 4096)])
    await patch(path, { memory: null }, { type: 'reencrypt' })
    assert.deepEqual(await costOf(path), { memoryBytes: 0, threads: 1 })
  })
})
