import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { LocalConnectionInfo } from '#src/core/connection-info.ts'
import { hasCode } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksFormat } from '#src/host/cryptsetup.ts'
import type { Host } from '#src/host/host.ts'
import { attachLoop, detachLoop, listLoops } from '#src/host/loop.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { type ConnectorFixture, connectorConformance } from '../conformance.ts'
import { LocalConnector } from './local-connector.ts'

const host = createNodeHost({ name: 'compute-1' })
const SIZE = 8 * MIB

async function infoOf(on: Host, path: string, volumeId: string, encrypted: boolean): Promise<LocalConnectionInfo> {
  const facts = await on.files.stat(path)
  assert.ok(facts)
  return {
    driver_volume_type: 'local',
    volume_id: volumeId,
    host: 'compute-1',
    data: {
      device_path: path,
      size_bytes: facts.size,
      access_mode: 'rw',
      encrypted,
      multiattach: false,
      discard: false,
      inode: facts.inode,
      luks_uuid: encrypted ? volumeId : undefined,
    },
  }
}

async function format(path: string, uuid: string): Promise<void> {
  using key = new Secret(new TextEncoder().encode('key'))
  await luksFormat(host, path, { version: 1, uuid, cipher: 'aes-xts-plain64', keySizeBits: 512 }, key)
}

async function make(): Promise<ConnectorFixture> {
  const pool = await mkdtemp(join(tmpdir(), 'holdfast-pool-'))
  const spare = `${pool}/spare`
  const create = () => new LocalConnector(host, { pool })
  const over = async () => (await listLoops(host)).filter(loop => loop.backingPath.startsWith(`${pool}/`))
  return {
    connector: create(),
    async volume({ encrypted = false, readonly = false } = {}) {
      const id = host.random.uuid()
      const path = `${pool}/volume-${id}`
      await host.files.createSparse(path, SIZE, 0o600)
      if (encrypted) await format(path, id)
      const info = await infoOf(host, path, id, encrypted)
      return { ...info, data: { ...info.data, access_mode: readonly ? 'ro' : 'rw' } }
    },
    async putForeign(info, what) {
      const path = info.data.device_path
      if (what === 'cut') return await host.files.truncate(path, SIZE / 2)
      await host.files.createSparse(spare, what === 'smaller' ? SIZE / 2 : SIZE, 0o600)
      if (what === 'luks') await format(spare, host.random.uuid())
      await host.files.rename(spare, path)
    },
    async exchange(a, b) {
      await host.files.rename(a.data.device_path, spare)
      await host.files.rename(b.data.device_path, a.data.device_path)
      await host.files.rename(spare, b.data.device_path)
    },
    async restore(info) {
      await host.files.copySparse(info.data.device_path, spare, 0o600)
      await host.files.rename(spare, info.data.device_path)
    },
    drop: async info => {
      await host.files.remove(info.data.device_path)
    },
    async hold(path) {
      const file = openSync(path, 'r')
      return { holder: `process ${process.pid} `, release: async () => closeSync(file) }
    },
    async foreign() {
      const path = `${pool}/no-volume`
      await host.files.createSparse(path, SIZE, 0o600)
      return { path: await attachLoop(host, path, { readonly: false }), over: path }
    },
    devices: async () => (await over()).length,
    restart: async () => create(),
    async [Symbol.asyncDispose]() {
      for (const loop of await over()) await detachLoop(host, loop)
      await rm(pool, { recursive: true })
    },
  }
}

const skip = process.getuid?.() === 0 ? false : 'needs root, for loop devices'

if (skip) describe('connector: pool files of this host', { skip }, () => {})
else connectorConformance('pool files of this host', make)

it('a loop device whose file has grown gets its size', { skip }, async () => {
  await using fixture = await make()
  const { connector } = fixture
  const info = await fixture.volume()
  const { source } = await connector.connect(info, { asBlock: true })
  await host.files.truncate(info.data.device_path, 2 * SIZE)
  const grown = { ...info, data: { ...info.data, size_bytes: 2 * SIZE } }
  assert.equal(await connector.probe(grown, { asBlock: true }), undefined)
  const found = { ...source, sizeBytes: 2 * SIZE }
  assert.deepEqual(await connector.connect(grown, { asBlock: true }), { change: 'made', source: found })
  assert.equal((await host.files.stat(source.path))?.size, 2 * SIZE)
  assert.equal((await connector.connect(grown, { asBlock: true })).change, 'already')
})

describe('paths in connection info (I10)', () => {
  const refused = async (connector: LocalConnector, info: LocalConnectionInfo) => {
    for (const asBlock of [false, true]) {
      const unsafe = (error: unknown) => hasCode(error, 'unsafe-path')
      await assert.rejects(connector.check(info), unsafe)
      await assert.rejects(connector.connect(info, { asBlock }), unsafe)
      await assert.rejects(connector.probe(info, { asBlock }), unsafe)
      await assert.rejects(connector.disconnect(info), unsafe)
    }
  }

  it('lead into the pool or are refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-path-'))
    try {
      const [pool, outside] = [`${folder}/pool`, `${folder}/outside`]
      await host.files.makeDirectory(pool, 0o700)
      await host.files.createSparse(outside, SIZE, 0o600)
      const info = await infoOf(host, outside, host.random.uuid(), false)
      await symlink(outside, `${pool}/link`)
      const connector = new LocalConnector(host, { pool })
      const paths = [
        outside,
        `${pool}/../outside`,
        `${pool}/../absent`,
        `${pool}//link`,
        `${pool}/link`,
        pool,
        'volume',
        '',
        `${pool}-2/a`,
      ]
      for (const path of paths) await refused(connector, { ...info, data: { ...info.data, device_path: path } })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('may lead through a pool that is itself a link', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-path-'))
    try {
      await host.files.makeDirectory(`${folder}/real`, 0o700)
      await symlink(`${folder}/real`, `${folder}/pool`)
      await host.files.createSparse(`${folder}/pool/volume`, SIZE, 0o600)
      const info = await infoOf(host, `${folder}/pool/volume`, host.random.uuid(), false)
      const connector = new LocalConnector(host, { pool: `${folder}/pool` })
      assert.equal((await connector.check(info)).kind, 'file')
      if (process.getuid?.() !== 0) return
      assert.equal((await connector.connect(info, { asBlock: true })).change, 'made')
      await host.files.remove(info.data.device_path)
      assert.equal(await connector.disconnect(info), 'made')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
