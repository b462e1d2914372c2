import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import type { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import { luksClose, luksFormat, luksOpen } from '#src/host/cryptsetup.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { LocalConnector } from './local-connector.ts'

const skip = process.env.HOLDFAST_LAB ? false : "needs a kernel with dm-crypt: run in the lab's guest (HOLDFAST_LAB)"

it('a loop device under a mapping is busy, and says under which', { skip }, async () => {
  const host = createNodeHost({ name: 'compute-1' })
  const pool = await mkdtemp(join(tmpdir(), 'holdfast-pool-'))
  using key = new Secret(new TextEncoder().encode('key'))
  const volumeId = host.random.uuid()
  const path = `${pool}/volume-${volumeId}`
  await host.files.createSparse(path, 20 * MIB, 0o600)
  await luksFormat(host, path, { version: 2, uuid: volumeId, cipher: 'aes-xts-plain64', keySizeBits: 512 }, key)
  const facts = await host.files.stat(path)
  const info = {
    driver_volume_type: 'local',
    volume_id: volumeId,
    host: 'compute-1',
    data: {
      device_path: path,
      size_bytes: 20 * MIB,
      access_mode: 'rw',
      encrypted: true,
      multiattach: false,
      discard: false,
      inode: facts?.inode ?? '',
      luks_uuid: volumeId,
    },
  } as const
  const connector = new LocalConnector(host, { pool })

  const { source } = await connector.connect(info, { asBlock: true })
  await luksOpen(host, source.path, 'lab-over', key)
  await assert.rejects(connector.disconnect(info), (error: HoldfastError) => {
    assert.equal(error.code, 'busy')
    assert.match(error.message, new RegExp(`${source.path} of volume ${volumeId}.*held by mapping lab-over`))
    return true
  })
  assert.deepEqual(await connector.probe(info, { asBlock: true }), source)
  await luksClose(host, 'lab-over')
  assert.equal(await connector.disconnect(info), 'made')
  await rm(pool, { recursive: true })
})
