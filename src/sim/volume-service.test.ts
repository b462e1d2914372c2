import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { GIB, MIB } from '#src/core/sizes.ts'
import { type FixtureSettings, volumeServiceConformance } from '#src/volumes/conformance.ts'
import { type Fault, faultAt } from './faults.ts'
import { SimKeyManager } from './key-manager.ts'
import { SimVolumeService } from './volume-service.ts'
import { World } from './world.ts'

function simulated(settings: FixtureSettings = {}) {
  const world = new World()
  const keys = new SimKeyManager(world)
  const open = () => new SimVolumeService(world, { keys, availabilityZone: 'zone-1', quotas: settings.quotas ?? {} })
  return { world, keys, open }
}

volumeServiceConformance('simulated', async settings => {
  const { world, keys, open } = simulated(settings)
  const service = open()
  const image = (path: string, bytes: number, flaw?: 'backing-file' | 'not-an-image') => {
    service.addImage(path, flaw ? { bytes, flaw } : { bytes })
    return path
  }
  const { kind } = world.addFile('/images', { kind: 'directory' })
  assert.equal(kind, 'directory')
  const hidden = new Map<string, ReturnType<typeof world.addFile>>()
  return {
    service,
    hostName: world.hostName,
    availabilityZone: 'zone-1',
    images: async () => ({
      raw: image('/images/raw', MIB),
      qcow2: image('/images/qcow2', MIB),
      large: image('/images/large', GIB + MIB),
      backed: image('/images/backed', MIB, 'backing-file'),
      vmdk: image('/images/vmdk', MIB, 'not-an-image'),
      empty: image('/images/empty', 0),
      directory: '/images',
      absent: '/images/absent',
    }),
    hasKey: async id => keys.keys.has(id),
    hideStorage: async id => {
      const file = world.files.get(service.path(id))
      if (file) hidden.set(id, file)
      world.files.delete(service.path(id))
    },
    showStorage: async id => {
      const file = hidden.get(id)
      if (file) world.files.set(service.path(id), file)
    },
    exchangeStorage: async id => {
      const sizeBytes = world.files.get(service.path(id))?.sizeBytes ?? 0
      world.addFile(service.path(id), { sizeBytes, content: 'foreign' })
    },
    dispose: async () => {},
  }
})

describe('simulated volume service', () => {
  it('makes files with identity and a LUKS header that its key opens', async () => {
    const { world, open } = simulated()
    const service = open()
    await service.createVolumeType({ name: 'luks2', encryption: { provider: 'luks2' } })
    const { id } = await service.create({ size: 1, volumeType: 'luks2' })
    const file = world.files.get(service.path(id))
    assert.deepEqual([file?.content, file?.sizeBytes, file?.luks?.uuid], [id, GIB + 16 * MIB, id])
    await service.extend(id, 2)
    assert.equal(file?.sizeBytes, 2 * GIB + 16 * MIB)
  })

  it('finishes a deletion that a dead process began, wherever it died', async () => {
    for (let effect = 1; effect <= 3; effect++) {
      for (const when of ['before', 'after'] as const) {
        const { world, keys, open } = simulated()
        const service = open()
        await service.createVolumeType({ name: 'luks', encryption: { provider: 'luks' } })
        const { id } = await service.create({ size: 1, volumeType: 'luks' })
        const passed = world.passed.filter(({ kind }) => kind === 'effect').length
        world.faults = faultAt(passed + effect, { when, do: 'die' })
        void service.delete(id)
        await world.died
        await world.restart()
        const again = open()
        const left = await again.getAll()
        if (effect === 1 && when === 'before') assert.equal(left[0]?.status, 'available')
        else assert.deepEqual([left, keys.keys.size, world.files.size], [[], 0, 0])
      }
    }
  })

  it('can be asked again for a deletion that failed, wherever it failed', async () => {
    for (let effect = 1; effect <= 3; effect++) {
      for (const when of ['before', 'after'] as const) {
        const { world, keys, open } = simulated()
        const service = open()
        await service.createVolumeType({ name: 'luks', encryption: { provider: 'luks' } })
        const { id } = await service.create({ size: 1, volumeType: 'luks' })
        const error = new HoldfastError('unavailable', 'unavailable', 'no answer')
        world.faults = faultAt(effectsOf(world) + effect, { when, do: 'fail', error })
        await assert.rejects(service.delete(id), error)
        if (world.files.size > 0 || keys.keys.size > 0 || (await service.getAll()).length > 0) await service.delete(id)
        assert.deepEqual([await service.getAll(), keys.keys.size, world.files.size], [[], 0, 0], `${when} ${effect}`)
      }
    }
  })

  it('keeps no key of a volume that could not be made, nor of one whose making a dead process began', async () => {
    for (const kind of ['effect', 'look'] as const) {
      for (let nth = 1; nth <= 3; nth++) {
        for (const when of ['before', 'after'] as const) {
          for (const what of ['fail', 'die'] as const) {
            const { world, keys, open } = simulated()
            const service = open()
            await service.createVolumeType({ name: 'luks', encryption: { provider: 'luks' } })
            const error = new HoldfastError('unavailable', 'unavailable', 'no answer')
            const fault: Fault = what === 'die' ? { when, do: 'die' } : { when, do: 'fail', error }
            let passed = 0
            world.faults = point => (point.kind === kind && ++passed === nth ? fault : undefined)
            const made = service.create({ size: 1, volumeType: 'luks' }).catch(() => {})
            await Promise.race([made, world.died])
            if (what === 'die') await world.restart()
            const { length } = await open().getAll()
            assert.equal(keys.keys.size, length, `${what} ${when} ${kind} ${nth}`)
          }
        }
      }
    }
  })
})

const effectsOf = (world: World): number => world.passed.filter(({ kind }) => kind === 'effect').length
