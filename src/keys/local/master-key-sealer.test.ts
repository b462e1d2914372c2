import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type HoldfastError, hasCode } from '#src/core/error.ts'
import { isSealed } from '#src/core/sealer.ts'
import { Secret } from '#src/core/secret.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { createMasterKeyFile } from './master-key.ts'
import { MasterKeySealer } from './master-key-sealer.ts'

const host = createNodeHost()
const PLAIN = 'AQBr8zBpqz5yHRAA7Qm1T0xS3kX9uQ2t6w=='
const CONTEXT = '5d0cdcf1-21d0-4e66-9ed0-4f6a1f1fae6c/keyring'

describe('sealing under the master key', () => {
  let folder: string
  let path: string
  let sealer: MasterKeySealer
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-seal-'))
    path = join(folder, 'master-key')
    await createMasterKeyFile(host, path)
    sealer = new MasterKeySealer(host, { path, kind: 'file' })
  })
  afterEach(async () => await rm(folder, { recursive: true }))

  const sealed = async (text = PLAIN) => await sealer.seal(new Secret(Buffer.from(text)), CONTEXT)
  const refused = async (text: string, code: string, pattern: RegExp, context = CONTEXT) =>
    await assert.rejects(sealer.open(text, context), (error: HoldfastError) => {
      assert.equal(error.code, code, error.message)
      assert.match(error.message, pattern)
      assert.ok(!error.message.includes(PLAIN))
      return true
    })

  it('gives back what was sealed, by whichever sealer of this host', async () => {
    for (const text of [PLAIN, '', 'x'.repeat(5000)]) {
      using secret = await new MasterKeySealer(host, { path, kind: 'file' }).open(await sealed(text), CONTEXT)
      assert.equal(Buffer.from(secret.reveal()).toString(), text)
    }
  })

  it('makes a text of one line without the secret in it, another each time (I6)', async () => {
    const [a, b] = [await sealed(), await sealed()]
    assert.ok(isSealed(a))
    assert.match(a, /^sealed:v1:[A-Za-z0-9+/]+=*$/)
    assert.notEqual(a, b)
    const bytes = Buffer.from(a.slice('sealed:v1:'.length), 'base64').toString('latin1')
    for (const form of [PLAIN, Buffer.from(PLAIN, 'base64').toString('latin1'), Buffer.from(PLAIN).toString('hex')]) {
      assert.ok(!a.includes(form) && !bytes.includes(form))
    }
  })

  it('opens for the context that it was sealed for, and no other', async () => {
    for (const context of ['', `${CONTEXT} `, CONTEXT.replace('keyring', 'chap')]) {
      await refused(await sealed(), 'seal-broken', /sealed for something else/, context)
    }
  })

  it('refuses a text with any bit changed', async () => {
    const bytes = Buffer.from((await sealed()).slice('sealed:v1:'.length), 'base64')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      const code = at < 8 ? 'master-key-wrong' : 'seal-broken'
      await refused(`sealed:v1:${changed.toString('base64')}`, code, new RegExp(CONTEXT))
    }
  })

  it('refuses a text of another form', async () => {
    const good = await sealed()
    const short = `sealed:v1:${Buffer.alloc(35).toString('base64')}`
    const forms = [
      PLAIN,
      '',
      'sealed:v1:',
      short,
      good.replace('v1', 'v2'),
      `${good}\n`,
      `${good}AAAA`,
      good.slice(0, -1),
    ]
    for (const text of forms) await refused(text, 'seal-broken', new RegExp(CONTEXT))
  })

  it('tells a wrong master key, and a missing one, from a broken seal', async () => {
    const text = await sealed()
    await writeFile(path, Buffer.alloc(32, 7))
    await refused(text, 'master-key-wrong', /another master key/)
    await rm(path)
    await refused(text, 'master-key-missing', /no master key at/)
    await assert.rejects(sealed(), error => hasCode(error, 'master-key-missing'))
  })

  it('does nothing for a caller who has given up', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(sealer.seal(new Secret(new Uint8Array(1)), CONTEXT, signal), /enough/)
    await assert.rejects(sealer.open(await sealed(), CONTEXT, signal), /enough/)
  })
})
