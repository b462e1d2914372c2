import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError, isHoldfastError } from '#src/core/error.ts'
import { GIB } from '#src/core/sizes.ts'
import { FaultBench } from './fault-bench.ts'
import { type FaultCase, faultSuite, noSpace } from './fault-suite.ts'
import type { LocalVolumeService } from './local-volume-service.ts'
import { LocalBench } from './testing.ts'

const plain = async (service: LocalVolumeService) => (await service.create({ size: 1 })).id

/** Those without encryption: the others are in `test/crash/`. */
const WRITING: readonly FaultCase[] = [
  { name: 'create', prepare: async () => '', verb: service => service.create({ size: 1 }) },
  {
    name: 'create with image',
    prepare: async () => '',
    verb: (service, _, imageFile) => service.create({ imageFile }),
  },
  { name: 'clone', prepare: plain, verb: (service, sourceVolumeId) => service.create({ sourceVolumeId, size: 2 }) },
  {
    name: 'create from snapshot',
    prepare: async service => (await service.createSnapshot(await plain(service), {})).id,
    verb: (service, snapshotId) => service.create({ snapshotId }),
  },
  { name: 'snapshot', prepare: plain, verb: (service, id) => service.createSnapshot(id, {}) },
  { name: 'extend', prepare: plain, verb: (service, id) => service.extend(id, 2) },
  {
    name: 'reimage',
    prepare: plain,
    verb: (service, id, imageFile) => service.reimageVolume(id, { imageFile, reimageReserved: false }),
  },
]

const DELETING: readonly FaultCase[] = [
  { name: 'delete', prepare: plain, verb: (service, id) => service.delete(id) },
  {
    name: 'delete snapshot',
    prepare: async service => (await service.createSnapshot(await plain(service), {})).id,
    verb: (service, id) => service.deleteSnapshot(id),
  },
]

faultSuite(WRITING, DELETING)

describe('a failure whose undo fails too', () => {
  it('leaves a volume in error, tells both, and lets it be deleted', async () => {
    await using bench = await LocalBench.make()
    const faults = new FaultBench()
    const broken = new HoldfastError('host-command', 'io-error', 'the disk failed')
    const host = faults.host(bench.host)
    const files = { ...host.files, remove: () => Promise.reject(broken), createSparse: () => Promise.reject(noSpace) }
    const { service } = await bench.open({ host: { ...host, files } })
    await assert.rejects(service.create({ size: 1 }), (error: unknown) => {
      assert.ok(isHoldfastError(error))
      assert.deepEqual([error.code, error.cause, error.also], ['no-space', noSpace, [broken]])
      assert.match(error.details.left ?? '', /'error'/)
      return true
    })
    const [left] = await service.getAll()
    assert.equal(left?.status, 'error')
    Object.assign(files, { remove: bench.host.files.remove })
    await service.delete(left?.id ?? '')
    assert.deepEqual(await service.getAll(), [])
  })

  it('leaves a volume that could not grow as error_extending; the next process puts it right, once it can', async () => {
    await using bench = await LocalBench.make()
    const broken = new HoldfastError('host-command', 'io-error', 'the disk failed')
    const halfway = async (path: string, size: number) => {
      if (size > GIB) await bench.host.files.truncate(path, size)
      throw broken
    }
    const { service } = await bench.open({ host: { ...bench.host, files: { ...bench.host.files, truncate: halfway } } })
    const { id } = await service.create({ size: 1 })
    await assert.rejects(service.extend(id, 2), /the disk failed.*'error_extending'/)
    assert.equal((await service.get(id)).status, 'error_extending')
    service.close()
    const still = await bench.open({ host: { ...bench.host, files: { ...bench.host.files, truncate: halfway } } })
    assert.deepEqual([still.recovered[0]?.problem, (await still.service.get(id)).status], [broken, 'error_extending'])
    still.service.close()
    const next = await bench.open()
    assert.deepEqual(next.recovered, [{ kind: 'volume', id, found: 'error_extending' }])
    assert.equal((await next.service.get(id)).status, 'available')
    assert.equal((await bench.host.files.stat(bench.path(id)))?.size, GIB)
  })
})
