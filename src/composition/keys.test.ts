import assert from 'node:assert/strict'
import { mkdtemp, rm, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import { loadConfig } from '#src/config/load-config.ts'
import { hasCode } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { openSealer } from './keys.ts'

const host = createNodeHost()
const secret = () => new Secret(new TextEncoder().encode('a keyring'))

describe('what seals connection info', () => {
  let config: HoldfastConfig
  beforeEach(async () => {
    const state = await mkdtemp(join(tmpdir(), 'holdfast-sealer-'))
    config = await loadConfig({ flags: { state }, env: {}, uid: 0 })
  })
  afterEach(async () => await rm(config.stateDirectory, { recursive: true }))

  it('makes a master key where nothing was ever sealed', async () => {
    const sealer = await openSealer(host, config, 'write')
    const sealed = await sealer.seal(secret(), 'v/keyring')
    using opened = await (await openSealer(host, config, 'write')).open(sealed, 'v/keyring')
    assert.equal(new TextDecoder().decode(opened.reveal()), 'a keyring')
  })

  it('misses one that was lost, and makes no other', async () => {
    const sealed = await (await openSealer(host, config, 'write')).seal(secret(), 'v/keyring')
    await unlink(config.keyFile)
    const later = await openSealer(host, config, 'write')
    await assert.rejects(later.seal(secret(), 'v/keyring'), error => hasCode(error, 'master-key-missing'))
    await assert.rejects(later.open(sealed, 'v/keyring'), error => hasCode(error, 'master-key-missing'))
  })

  it('leaves secrets out where nothing is recorded', async () => {
    const sealer = await openSealer(host, config, 'read')
    assert.equal(await sealer.seal(secret(), 'v/keyring'), 'sealed:v1:')
    assert.equal(await host.files.stat(config.keyFile), undefined)
  })
})
