import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { createSimHost } from '#src/sim/host.ts'
import { simTools } from '#src/sim/tools/tools.ts'
import type { World } from '#src/sim/world.ts'
import { key, openVolume } from './volumes.ts'

const encryptorOf = (world: World) => new LuksEncryptor(createSimHost(world, simTools(world)))

/** cryptsetup was killed after this one of its calls of the kernel, and so was the process. */
async function killed(after: 'create' | 'load') {
  const { world, request } = openVolume()
  world.faults = ({ name }) => (name.endsWith(`: ${after}`) ? { when: 'after', do: 'die' } : undefined)
  encryptorOf(world)
    .unlock(request, key())
    .catch(() => {})
  await world.died
  await world.restart()
  assert.equal(world.mappings.get(`crypt-${request.volumeId}`)?.bare, after === 'create' ? 'created' : 'loaded')
  return { world, request, encryptor: encryptorOf(world) }
}

describe('an open that was killed before the mapping had its table', () => {
  for (const after of ['create', 'load'] as const) {
    it(`is begun anew: ${after}`, async () => {
      const { encryptor, request } = await killed(after)
      await encryptor.check(request, key())
      assert.equal(await encryptor.probe(request), undefined)
      const { change, view } = await encryptor.unlock(request, key())
      assert.equal(change, 'made')
      assert.deepEqual(await encryptor.probe(request), view)
      assert.equal(await encryptor.lock(request), 'made')
    })

    it(`is undone: ${after}`, async () => {
      const { world, encryptor, request } = await killed(after)
      assert.equal(await encryptor.lock(request), 'made')
      assert.equal(world.mappings.size, 0)
      assert.equal(await encryptor.lock(request), 'already')
    })

    it(`is left alone if it is somebody else's: ${after}`, async () => {
      const { world, encryptor, request } = await killed(after)
      const name = `crypt-${request.volumeId}`
      const mapping = world.mappings.get(name)
      assert.ok(mapping)
      world.mappings.set(name, { ...mapping, dmUuid: `CRYPT-PLAIN-${name}` })
      await assert.rejects(encryptor.unlock(request, key()))
      await encryptor.lock(request).catch(() => {})
      assert.ok(world.mappings.has(name))
    })
  }

  it('is listed as what it is once it shows', async () => {
    const { encryptor, request } = await killed('load')
    const [found] = await encryptor.list()
    assert.deepEqual([found?.volumeId, found?.over], [request.volumeId, request.source.path])
  })
})
