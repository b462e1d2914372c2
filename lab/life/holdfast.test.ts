import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createNodeHost } from '#src/host/node-host.ts'
import { liveOn, makeRealHost } from '../holdfast-life.ts'

const MARKER = 'written-through-dm-crypt'

/** On a kernel that has it, a LUKS2 volume reaches its guest through dm-crypt, before and after the host was broken. */
test('a whole life of an instance whose volume goes through dm-crypt', { timeout: 800_000 }, async t => {
  await using real = await makeRealHost()
  await using holdfast = await real.open()
  const say = (line: string) => t.diagnostic(line)

  const life = await liveOn(real, holdfast, { provider: 'luks2', marker: MARKER, bootMs: 240_000, say })

  assert.match(life.proof, new RegExp(`marker=${MARKER}`))
  const host = createNodeHost()
  const { stdout } = await host.run({
    tool: 'dmsetup',
    args: ['table', '--target', 'crypt', `crypt-${life.volume.id}`],
  })
  assert.match(stdout, / crypt aes-xts-plain64 /)
  const { mappings } = await holdfast.instances.show(life.instanceId)
  const [mapping] = mappings
  assert.deepEqual([mapping?.mechanism, mapping?.luksUuid], ['dm-crypt', life.volume.id])
  const info = mapping?.connectionInfo
  const pool = info?.driver_volume_type === 'local' ? info.data.device_path : ''

  await holdfast.instances.delete(life.instanceId)

  assert.equal(
    (await host.run({ tool: 'dmsetup', args: ['ls', '--target', 'crypt'] })).stdout.includes('crypt-'),
    false,
  )
  assert.equal((await host.run({ tool: 'losetup', args: ['--list', '--json'] })).stdout.includes(pool), false)
  assert.equal((await readFile(pool)).subarray(0, 64 << 20).includes(MARKER), false)
  await holdfast.volumes.delete(life.volume.id)
})
