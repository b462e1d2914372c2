import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attachTo,
  blank,
  connector,
  INSTANCE,
  type MakeVolumeService,
  OTHER_INSTANCE,
  refused,
  statusOf,
  unchanged,
  using,
  wrongState,
} from './conformance-fixture.ts'
import type { VolumeService } from './volume-service.ts'

const encrypted = (service: VolumeService, provider: 'luks' | 'luks2') =>
  service.createVolumeType({ name: provider, encryption: { provider } })

async function keyOf(service: VolumeService, volumeId: string): Promise<string> {
  const metadata = await service.getVolumeEncryptionMetadata(volumeId)
  assert.ok(metadata)
  return metadata.keyId
}

export function contentConformance(make: MakeVolumeService): void {
  describe('snapshots', () => {
    it(
      'are made of an available volume, of one in use by force only',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(service, { size: 2 })
        const made = await service.createSnapshot(volumeId, { name: 's1', description: 'before' })
        const { id, createdAt, ...rest } = made
        assert.match(createdAt, /^\d{4}-/)
        const expected = { name: 's1', description: 'before', status: 'available', size: 2, volumeId, progress: '100%' }
        assert.deepEqual(rest, expected)
        assert.deepEqual(await service.getSnapshot(id), made)
        await attachTo(fixture, volumeId)
        await unchanged(service, volumeId, () =>
          wrongState(service.createSnapshot(volumeId, {}), 'in-use', 'available'),
        )
        const forced = await service.createSnapshot(volumeId, { force: true })
        assert.deepEqual(await service.getAllSnapshots(), [made, forced])
        assert.equal(await statusOf(service, volumeId), 'in-use')
        await service.beginDetaching(volumeId)
        const now = service.createSnapshot(volumeId, { force: true })
        await wrongState(now, 'detaching', 'in-use')
        await refused(service.createSnapshot(volumeId, { name: 'a b' }), 'invalid-input', 'invalid-name')
        await service.deleteSnapshot(id)
        await refused(service.deleteSnapshot(id), 'not-found', 'snapshot-not-found')
        assert.deepEqual(await service.getAllSnapshots(), [forced])
      }),
    )

    it(
      'take only the states that a driver may report',
      using(make, async ({ service }) => {
        const { id } = await service.createSnapshot((await blank(service)).id, {})
        for (const status of ['creating', 'available', 'error', 'deleting', 'error_deleting'] as const) {
          const update = service.updateSnapshotStatus(id, status)
          await refused(update, 'wrong-state', 'invalid-snapshot', /'available'.*must be/)
        }
        assert.equal((await service.getSnapshot(id)).progress, '100%')
      }),
    )

    it(
      'become volumes of their size or more',
      using(make, async ({ service }) => {
        const origin = await blank(service, { size: 2, multiattach: true })
        const { id: snapshotId } = await service.createSnapshot(origin.id, {})
        const same = await service.create({ snapshotId })
        assert.deepEqual([same.size, same.snapshotId, same.status], [2, snapshotId, 'available'])
        assert.equal((await service.create({ snapshotId, size: 3 })).size, 3)
        await refused(
          service.create({ snapshotId, size: 1 }),
          'invalid-input',
          'invalid-size',
          /does not fit into 1 GiB/,
        )
        await service.deleteSnapshot(snapshotId)
        await service.delete(origin.id)
        assert.equal(await statusOf(service, same.id), 'available')
      }),
    )
  })

  describe('clones', () => {
    it(
      'are volumes of their own, of a volume that is available or in use',
      using(make, async fixture => {
        const { service } = fixture
        const { id: sourceVolumeId } = await blank(service, { size: 2 })
        const one = await service.create({ sourceVolumeId, name: 'clone' })
        assert.deepEqual([one.size, one.sourceVolumeId, one.name], [2, sourceVolumeId, 'clone'])
        await attachTo(fixture, sourceVolumeId)
        assert.equal((await service.create({ sourceVolumeId, size: 4 })).size, 4)
        await refused(service.create({ sourceVolumeId, size: 1 }), 'invalid-input', 'invalid-size')
        await service.beginDetaching(sourceVolumeId)
        await wrongState(service.create({ sourceVolumeId }), 'detaching', 'available')
      }),
    )

    it(
      'do not change the encryption of their source',
      using(make, async ({ service }) => {
        await encrypted(service, 'luks')
        await encrypted(service, 'luks2')
        const plain = await blank(service)
        const luks = await blank(service, { volumeType: 'luks' })
        for (const [source, volumeType] of [
          [plain, 'luks'],
          [luks, 'luks2'],
        ] as const) {
          const clone = service.create({ sourceVolumeId: source.id, volumeType })
          await refused(clone, 'invalid-input', 'invalid-input', /encrypted otherwise/)
        }
        assert.equal((await service.create({ sourceVolumeId: luks.id })).volumeType, 'luks')
        const shared = service.create({ sourceVolumeId: luks.id, multiattach: true })
        await refused(shared, 'unsupported', 'encryption-unsupported')
      }),
    )
  })

  describe('images', () => {
    it(
      'become bootable volumes',
      using(make, async fixture => {
        const { service } = fixture
        const images = await fixture.images()
        for (const imageFile of [images.raw, images.qcow2]) {
          const { size, bootable, status } = await service.create({ imageFile })
          assert.deepEqual([size, bootable, status], [1, true, 'available'])
        }
        const { id } = await service.create({ imageFile: images.raw, size: 3 })
        assert.equal((await service.create({ sourceVolumeId: id })).bootable, true)
      }),
    )

    it(
      'that are none are refused, and make nothing',
      using(make, async fixture => {
        const { service } = fixture
        const images = await fixture.images()
        const bad = (
          imageFile: string,
          code: string,
          kind: 'invalid-input' | 'unsafe' | 'not-found' = 'invalid-input',
        ) => refused(service.create({ imageFile, size: 1 }), kind, code)
        await bad(images.absent, 'image-not-found', 'not-found')
        await bad(images.empty, 'invalid-image')
        await bad(images.directory, 'invalid-image')
        await bad(images.vmdk, 'invalid-image')
        await bad('relative/path.img', 'invalid-image')
        await bad(images.backed, 'image-backing-file', 'unsafe')
        await bad(images.large, 'invalid-size')
        assert.deepEqual(await service.getAll(), [])
      }),
    )

    it(
      'replace the content of a volume that is available, or reserved if that is allowed',
      using(make, async fixture => {
        const { service } = fixture
        const images = await fixture.images()
        const { id } = await blank(service)
        const reimage = (imageFile: string, reimageReserved = false) =>
          service.reimageVolume(id, { imageFile, reimageReserved })
        await reimage(images.qcow2)
        const after = await service.get(id)
        assert.deepEqual([after.status, after.bootable], ['available', true])
        await unchanged(service, id, async () => {
          await refused(reimage(images.large), 'invalid-input', 'invalid-size')
          await refused(reimage(images.backed), 'unsafe', 'image-backing-file')
        })
        const { id: attachment } = await service.attachmentCreate({ volumeId: id, instanceId: INSTANCE })
        await unchanged(service, id, () => wrongState(reimage(images.raw), 'reserved', 'available'))
        await reimage(images.raw, true)
        assert.equal(await statusOf(service, id), 'reserved')
        await service.attachmentUpdate(attachment, connector(fixture.hostName))
        await service.attachmentComplete(attachment)
        await unchanged(service, id, () => wrongState(reimage(images.raw, true), 'in-use', 'reserved'))
        const { id: shared } = await blank(service, { multiattach: true })
        await attachTo(fixture, shared)
        await attachTo(fixture, shared, OTHER_INSTANCE)
        const two = service.reimageVolume(shared, { imageFile: images.raw, reimageReserved: true })
        await refused(two, 'conflict', 'conflict', /2 attachments/)
      }),
    )
  })

  describe('encrypted volumes', () => {
    for (const provider of ['luks', 'luks2'] as const) {
      it(
        `of provider ${provider} have a key of their own, which goes with them`,
        using(make, async fixture => {
          const { service, hostName } = fixture
          const images = await fixture.images()
          await encrypted(service, provider)
          const one = await blank(service, { volumeType: provider })
          assert.equal(one.encrypted, true)
          const metadata = await service.getVolumeEncryptionMetadata(one.id)
          assert.deepEqual(metadata, {
            provider,
            controlLocation: 'front-end',
            cipher: 'aes-xts-plain64',
            keySize: 512,
            keyId: metadata?.keyId,
          })
          const clone = await service.create({ sourceVolumeId: one.id })
          const { id: snapshotId } = await service.createSnapshot(one.id, {})
          const restored = await service.create({ snapshotId, size: 2 })
          const imaged = await service.create({ imageFile: images.raw, volumeType: provider })
          const all = [one, clone, restored, imaged]
          const keys = await Promise.all(all.map(({ id }) => keyOf(service, id)))
          assert.equal(new Set(keys).size, 4)
          for (const key of keys) assert.equal(await fixture.hasKey(key), true)
          const { connectionInfo } = await service.attachmentCreate({
            volumeId: restored.id,
            instanceId: INSTANCE,
            connector: connector(hostName),
          })
          assert.equal(connectionInfo?.data.luks_uuid, restored.id)
          assert.equal(connectionInfo.data.encrypted, true)
          const header = connectionInfo.data.size_bytes - 2 * 2 ** 30
          assert.ok(header > 0 && header <= 2 ** 24, `header of ${header} bytes`)
          await service.delete(clone.id)
          assert.equal(await fixture.hasKey(keys[1] as string), false)
          assert.equal(await fixture.hasKey(keys[0] as string), true)
        }),
      )
    }

    it(
      'give no metadata if they are not encrypted',
      using(make, async ({ service }) => {
        assert.equal(await service.getVolumeEncryptionMetadata((await blank(service)).id), undefined)
      }),
    )
  })
}
