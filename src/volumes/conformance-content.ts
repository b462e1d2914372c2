import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attachTo,
  type Bench,
  blank,
  connectorOf,
  deleted,
  INSTANCE,
  idsOf,
  type MakeBench,
  made,
  multiattachRefusal,
  refused,
  snapshotDeleted,
  snapshotOf,
  statusOf,
  typeOf,
  unchanged,
  using,
  words,
  wrongState,
} from './conformance-fixture.ts'
import type { Volume, VolumeService } from './volume-service.ts'

const encrypted = async (bench: Bench, provider: 'luks' | 'luks2') =>
  (await typeOf(bench, { name: provider, encryption: { provider } })).name

/** A clone, and a volume of a snapshot; or others of its type, where those cannot be made. */
async function copiesOf(bench: Bench, { id, volumeType }: Volume): Promise<readonly [Volume, Volume]> {
  if (!bench.traits.copiesEncrypted) {
    const another = () => blank(bench, { volumeType: volumeType ?? '' })
    return [await another(), await another()]
  }
  const clone = await made(bench, { sourceVolumeId: id })
  const { id: snapshotId } = await snapshotOf(bench, id)
  return [clone, await made(bench, { snapshotId, size: 2 })]
}

async function keyOf(service: VolumeService, volumeId: string): Promise<string> {
  const metadata = await service.getVolumeEncryptionMetadata(volumeId)
  assert.ok(metadata)
  return metadata.keyId
}

export function contentConformance(make: MakeBench): void {
  describe('snapshots', () => {
    it(
      'are made of an available volume, of one in use by force only',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture, { size: 2 })
        const snapshot = await snapshotOf(fixture, volumeId, { name: 's1', description: 'before' })
        const { id, createdAt, ...rest } = snapshot
        assert.match(createdAt, /^\d{4}-/)
        const expected = { name: 's1', description: 'before', status: 'available', size: 2, volumeId, progress: '100%' }
        assert.deepEqual(rest, expected)
        assert.deepEqual(await service.getSnapshot(id), snapshot)
        await attachTo(fixture, volumeId)
        await unchanged(service, volumeId, () =>
          wrongState(service.createSnapshot(volumeId, {}), 'in-use', 'available'),
        )
        const forced = await snapshotOf(fixture, volumeId, { force: true })
        assert.deepEqual(idsOf(fixture, await service.getAllSnapshots()), idsOf(fixture, [snapshot, forced]))
        assert.equal(await statusOf(service, volumeId), 'in-use')
        await service.beginDetaching(volumeId)
        const now = service.createSnapshot(volumeId, { force: true })
        await wrongState(now, 'detaching', 'in-use')
        await refused(service.createSnapshot(volumeId, { name: 'a b' }), 'invalid-input', 'invalid-name')
        await snapshotDeleted(fixture, id)
        await refused(service.deleteSnapshot(id), 'not-found', 'snapshot-not-found')
        assert.deepEqual(await service.getAllSnapshots(), [forced])
      }),
    )

    it(
      'take only the states that a driver may report',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await snapshotOf(fixture, (await blank(fixture)).id)
        for (const status of ['creating', 'available', 'error', 'deleting', 'error_deleting'] as const) {
          const update = service.updateSnapshotStatus(id, status)
          await refused(update, 'wrong-state', 'invalid-snapshot', /'available'.*must be/)
        }
        assert.equal((await service.getSnapshot(id)).progress, '100%')
      }),
    )

    it(
      'become volumes of their size or more',
      using(make, async fixture => {
        const { service } = fixture
        const origin = await blank(fixture, { size: 2, multiattach: true })
        const { id: snapshotId } = await snapshotOf(fixture, origin.id)
        const same = await made(fixture, { snapshotId })
        assert.deepEqual([same.size, same.snapshotId, same.status], [2, snapshotId, 'available'])
        assert.equal((await made(fixture, { snapshotId, size: 3 })).size, 3)
        await refused(
          service.create({ snapshotId, size: 1 }),
          'invalid-input',
          'invalid-size',
          words(fixture, /does not fit into 1 GiB/),
        )
        await snapshotDeleted(fixture, snapshotId)
        await deleted(fixture, origin.id)
        assert.equal(await statusOf(service, same.id), 'available')
      }),
    )
  })

  describe('clones', () => {
    it(
      'are volumes of their own, of a volume that is available or in use',
      using(make, async fixture => {
        const { service } = fixture
        const { id: sourceVolumeId } = await blank(fixture, { size: 2 })
        const one = await made(fixture, { sourceVolumeId, name: 'clone' })
        assert.deepEqual([one.size, one.sourceVolumeId, one.name], [2, sourceVolumeId, 'clone'])
        await attachTo(fixture, sourceVolumeId)
        assert.equal((await made(fixture, { sourceVolumeId, size: 4 })).size, 4)
        await refused(service.create({ sourceVolumeId, size: 1 }), 'invalid-input', 'invalid-size')
        await service.beginDetaching(sourceVolumeId)
        await wrongState(service.create({ sourceVolumeId }), 'detaching', 'available')
      }),
    )

    it(
      'do not change the encryption of their source',
      using(make, async fixture => {
        const { service } = fixture
        const one = await encrypted(fixture, 'luks')
        const other = await encrypted(fixture, 'luks2')
        const plain = await blank(fixture)
        const luks = await blank(fixture, { volumeType: one })
        for (const [source, volumeType] of [
          [plain, one],
          [luks, other],
        ] as const) {
          const clone = service.create({ sourceVolumeId: source.id, volumeType })
          await refused(clone, 'invalid-input', 'invalid-input', words(fixture, /encrypted otherwise/))
        }
        const [clone] = await copiesOf(fixture, luks)
        assert.equal(clone.volumeType, one)
        const shared = service.create({ sourceVolumeId: luks.id, multiattach: true })
        await refused(shared, 'unsupported', multiattachRefusal(fixture))
      }),
    )
  })

  describe('encrypted volumes', () => {
    for (const provider of ['luks', 'luks2'] as const) {
      it(
        `of provider ${provider} have a key of their own, which goes with them`,
        using(make, async fixture => {
          const { service } = fixture
          const volumeType = await encrypted(fixture, provider)
          const one = await blank(fixture, { volumeType })
          assert.equal(one.encrypted, true)
          const metadata = await service.getVolumeEncryptionMetadata(one.id)
          assert.deepEqual(metadata, {
            provider,
            controlLocation: 'front-end',
            cipher: 'aes-xts-plain64',
            keySize: fixture.traits.defaultKeySize,
            keyId: metadata?.keyId,
          })
          const [clone, restored] = await copiesOf(fixture, one)
          const all = [one, clone, restored]
          const keys = await Promise.all(all.map(({ id }) => keyOf(service, id)))
          assert.equal(new Set(keys).size, 3)
          for (const key of keys) assert.equal(await fixture.hasKey(key), true)
          const { connectionInfo } = await service.attachmentCreate({
            volumeId: restored.id,
            instanceId: INSTANCE,
            connector: connectorOf(fixture),
          })
          assert.equal(connectionInfo?.data.encrypted, true)
          await deleted(fixture, clone.id)
          assert.equal(await fixture.hasKey(keys[1] as string), false)
          assert.equal(await fixture.hasKey(keys[0] as string), true)
        }),
      )
    }

    it(
      'give no metadata if they are not encrypted',
      using(make, async fixture => {
        const { service } = fixture
        assert.equal(await service.getVolumeEncryptionMetadata((await blank(fixture)).id), undefined)
      }),
    )
  })
}
