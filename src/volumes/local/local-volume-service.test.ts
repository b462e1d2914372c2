import assert from 'node:assert/strict'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { GIB, MIB } from '#src/core/sizes.ts'
import type { CommandRequest, Host } from '#src/host/host.ts'
import { connector, INSTANCE, refused, statusOf, wrongState } from '../conformance-fixture.ts'
import type { LocalVolumeService } from './local-volume-service.ts'
import { HOST_NAME, LocalBench } from './testing.ts'

async function write(path: string, text: string, offset = 0): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(Buffer.from(text), 0, text.length, offset)
  await file.close()
}

const head = async (bench: LocalBench, path: string, length = 4) =>
  Buffer.from(await bench.host.files.readAt(path, 0, length)).toString()

async function attached(service: LocalVolumeService): Promise<string> {
  const { id: volumeId } = await service.create({ size: 1 })
  const { id } = await service.attachmentCreate({ volumeId, instanceId: INSTANCE, connector: connector(HOST_NAME) })
  await service.attachmentComplete(id)
  return volumeId
}

/** A host on which something happens after each copy, before anything else. */
const afterCopies = (real: Host, happen: () => Promise<void>): Host => ({
  ...real,
  run: async (request: CommandRequest) => {
    const result = await real.run(request)
    if (request.args.includes('--target-is-zero')) await happen()
    return result
  },
})

describe('content of the pool', () => {
  it('is the image, in a sparse file; a clone, a snapshot and what is restored have it too', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const imageFile = await bench.raw('image', 'boot ')
    const { id } = await service.create({ imageFile, size: 3 })
    const content = await readFile(imageFile)
    const facts = await bench.host.files.stat(bench.path(id))
    assert.equal(facts?.size, 3 * GIB)
    assert.ok(facts.allocated <= 2 * MIB)
    const clone = await service.create({ sourceVolumeId: id, size: 4 })
    const { id: snapshotId } = await service.createSnapshot(id, {})
    await write(bench.path(id), 'changed')
    const restored = await service.create({ snapshotId })
    for (const volume of [clone.id, restored.id]) {
      assert.deepEqual(Buffer.from(await bench.host.files.readAt(bench.path(volume), 0, MIB)), content)
    }
    assert.equal(await head(bench, bench.path(id), 7), 'changed')
    assert.equal((await bench.host.files.stat(bench.path(clone.id)))?.size, 4 * GIB)
  })

  it('is gone when another image takes its place', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const { id } = await service.create({ size: 1 })
    await write(bench.path(id), 'secret', 512 * MIB)
    await service.reimageVolume(id, { imageFile: await bench.raw('image', 'new '), reimageReserved: false })
    assert.equal(await head(bench, bench.path(id)), 'new ')
    assert.deepEqual(await bench.host.files.readAt(bench.path(id), 512 * MIB, 6), new Uint8Array(6))
  })

  it('of a volume in use is copied as of one moment: again if it was written to meanwhile', async () => {
    await using bench = await LocalBench.make()
    let writes = 1
    const happen = async () => {
      if (writes-- > 0) await write(bench.path(volumeId), `w${writes}`)
    }
    let volumeId = ''
    const { service } = await bench.open({ host: afterCopies(bench.host, happen) })
    volumeId = await attached(service)
    const { id } = await service.createSnapshot(volumeId, { force: true })
    assert.equal(await head(bench, join(bench.directory, 'pool', `snapshot-${id}`), 2), 'w0')
  })

  it('of a volume that is written to all the time is not copied: busy, and nothing is left', async () => {
    await using bench = await LocalBench.make()
    let writes = 9
    let volumeId = ''
    const happen = () => write(bench.path(volumeId), `w${writes--}`)
    const { service } = await bench.open({ host: afterCopies(bench.host, happen) })
    volumeId = await attached(service)
    await refused(service.createSnapshot(volumeId, { force: true }), 'busy', 'busy', /written to/)
    await refused(service.create({ sourceVolumeId: volumeId }), 'busy', 'busy')
    assert.deepEqual([await bench.pool(), await service.getAllSnapshots()], [[`volume-${volumeId}`], []])
  })

  it('of an available volume that was attached and written to during the copy is copied again', async () => {
    await using bench = await LocalBench.make()
    let service: LocalVolumeService | undefined
    let id = ''
    let once = true
    const happen = async () => {
      if (!once || !service) return
      once = false
      const { id: attachment } = await service.attachmentCreate({ volumeId: id, instanceId: INSTANCE })
      await write(bench.path(id), 'late')
      await service.attachmentDelete(attachment)
    }
    service = (await bench.open({ host: afterCopies(bench.host, happen) })).service
    id = (await service.create({ size: 1 })).id
    const clone = await service.create({ sourceVolumeId: id })
    assert.equal(await head(bench, bench.path(clone.id)), 'late')
  })

  it('stays where something is being copied from it', async () => {
    await using bench = await LocalBench.make()
    let service: LocalVolumeService | undefined
    let id = ''
    const busy: Promise<unknown>[] = []
    const happen = async () => {
      const { service: now } = { service }
      if (!now) return
      for (const verb of [now.delete(id), now.extend(id, 2)]) {
        busy.push(refused(verb, 'wrong-state', 'invalid-volume', /is being copied to/))
      }
      await Promise.all(busy)
    }
    service = (await bench.open({ host: afterCopies(bench.host, happen) })).service
    id = (await service.create({ size: 1 })).id
    await service.create({ sourceVolumeId: id })
    await service.createSnapshot(id, {})
    assert.equal(busy.length, 4)
    await service.extend(id, 2)
  })

  it('that is absent or exchanged is not copied, not extended, and the volume stays as it is', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const { id } = await service.create({ size: 1 })
    await bench.host.files.rename(bench.path(id), join(bench.folder, 'away'))
    const verbs = [
      () => service.extend(id, 2),
      () => service.createSnapshot(id, {}),
      () => service.create({ sourceVolumeId: id }),
    ]
    for (const verb of verbs) await refused(verb(), 'unavailable', 'storage-absent', new RegExp(bench.path(id)))
    await bench.host.files.createSparse(bench.path(id), GIB, 0o600)
    for (const verb of verbs) await refused(verb(), 'unsafe', 'wrong-device', /another file/)
    assert.equal((await bench.host.files.stat(bench.path(id)))?.size, GIB)
    assert.deepEqual([(await service.getAll()).length, await statusOf(service, id)], [1, 'available'])
    await bench.host.files.rename(join(bench.folder, 'away'), bench.path(id))
    await bench.host.files.truncate(bench.path(id), GIB / 2)
    await refused(service.createSnapshot(id, {}), 'unsafe', 'wrong-device', /bytes instead of/)
  })

  it('goes with the volume; a file that is gone already is no obstacle', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const { id } = await service.create({ size: 1 })
    await bench.host.files.remove(bench.path(id))
    await service.delete(id)
    assert.deepEqual([await bench.pool(), await service.getAll()], [[], []])
  })
})

describe('room in the pool', () => {
  it('is never promised twice without overcommit', async () => {
    await using bench = await LocalBench.make()
    const files = { ...bench.host.files, freeBytes: async () => 10 * GIB }
    const { service } = await bench.open({ host: { ...bench.host, files } }, { overcommit: false })
    await refused(service.create({ size: 11 }), 'no-space', 'no-space', /11 GiB do not fit .*: 10 GiB are free/)
    const { id } = await service.create({ size: 6 })
    await refused(service.create({ size: 5 }), 'no-space', 'no-space', /of which 6 GiB are promised/)
    await refused(service.extend(id, 11), 'no-space', 'no-space')
    await refused(service.createSnapshot(id, {}), 'no-space', 'no-space')
    assert.equal(await statusOf(service, id), 'available')
    await service.create({ size: 4 })
    await refused(service.extend(id, 7), 'no-space', 'no-space')
  })

  it('may be promised with overcommit', async () => {
    await using bench = await LocalBench.make()
    const files = { ...bench.host.files, freeBytes: async () => GIB, totalBytes: async () => 1000 * GIB }
    const { service } = await bench.open({ host: { ...bench.host, files } })
    const { id, size } = await service.create({ size: 1000 })
    assert.equal(size, 1000)
    const beyond = /1001 GiB can never fit .*: its file system holds 1000 GiB in all/
    await refused(service.create({ size: 1001 }), 'no-space', 'no-space', beyond)
    await refused(service.extend(id, 1001), 'no-space', 'no-space', beyond)
    assert.deepEqual(await statusOf(service, id), 'available')
  })
})

describe('two verbs at once', () => {
  it('on one volume: one wins, the other is told why', async () => {
    await using bench = await LocalBench.make()
    const { service } = await bench.open()
    const { id } = await service.create({ size: 1 })
    const [first, second] = await Promise.allSettled([service.extend(id, 2), service.extend(id, 3)])
    assert.equal(first?.status, 'fulfilled')
    await wrongState(Promise.reject(second?.status === 'rejected' && second.reason), 'extending', 'available')
    assert.equal((await service.get(id)).size, 2)
    const outcomes = await Promise.allSettled([service.delete(id), service.delete(id), service.reserveVolume(id)])
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  it('a create that is aborted leaves nothing', async () => {
    await using bench = await LocalBench.make()
    const abort = new AbortController()
    const reason = new Error('enough')
    const run: Host['run'] = async request => {
      if (request.args[0] === 'convert') abort.abort(reason)
      return await bench.host.run(request)
    }
    const { service } = await bench.open({ host: { ...bench.host, run } })
    const create = service.create({ imageFile: await bench.raw('image', 'x') }, abort.signal)
    await assert.rejects(create, error => error === reason)
    assert.deepEqual([await bench.pool(), await service.getAll()], [[], []])
  })
})
