import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attachTo,
  blank,
  connectorOf,
  INSTANCE,
  type MakeBench,
  OTHER_INSTANCE,
  ownStorage,
  refused,
  statusOf,
  type Traits,
  typeOf,
  unchanged,
  unlisted,
  using,
  wrongState,
} from './conformance-fixture.ts'

export function imageConformance(make: MakeBench, { ownStorage: isOwn }: Traits): void {
  describe('images', () => {
    const itOwns = isOwn ? it : unlisted

    itOwns(
      'become bootable volumes',
      using(make, async fixture => {
        const { service } = fixture
        const images = await ownStorage(fixture).images()
        for (const imageFile of [images.raw, images.qcow2]) {
          const { size, bootable, status } = await service.create({ imageFile })
          assert.deepEqual([size, bootable, status], [1, true, 'available'])
        }
        const { id } = await service.create({ imageFile: images.raw, size: 3 })
        assert.equal((await service.create({ sourceVolumeId: id })).bootable, true)
      }),
    )

    itOwns(
      'that are none are refused, and make nothing',
      using(make, async fixture => {
        const { service } = fixture
        const images = await ownStorage(fixture).images()
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

    itOwns(
      'replace the content of a volume that is available, or reserved if that is allowed',
      using(make, async fixture => {
        const { service } = fixture
        const images = await ownStorage(fixture).images()
        const { id } = await blank(fixture)
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
        await service.attachmentUpdate(attachment, connectorOf(fixture))
        await service.attachmentComplete(attachment)
        await unchanged(service, id, () => wrongState(reimage(images.raw, true), 'in-use', 'reserved'))
        const { id: shared } = await blank(fixture, { multiattach: true })
        await attachTo(fixture, shared)
        await attachTo(fixture, shared, OTHER_INSTANCE)
        const two = service.reimageVolume(shared, { imageFile: images.raw, reimageReserved: true })
        await refused(two, 'conflict', 'conflict', /2 attachments/)
      }),
    )

    for (const provider of ['luks', 'luks2'] as const) {
      itOwns(
        `become encrypted volumes of provider ${provider}, with header and key of their own`,
        using(make, async fixture => {
          const { service } = fixture
          const { raw: imageFile } = await ownStorage(fixture).images()
          const { name: volumeType } = await typeOf(fixture, { name: provider, encryption: { provider } })
          const { id } = await service.create({ imageFile, volumeType })
          const metadata = await service.getVolumeEncryptionMetadata(id)
          assert.equal(await fixture.hasKey(metadata?.keyId ?? ''), true)
          const request = { volumeId: id, instanceId: INSTANCE, connector: connectorOf(fixture) }
          const { connectionInfo } = await service.attachmentCreate(request)
          assert.ok(connectionInfo?.driver_volume_type === 'local')
          assert.equal(connectionInfo.data.luks_uuid, id)
          const header = connectionInfo.data.size_bytes - 2 ** 30
          assert.ok(header > 0 && header <= 2 ** 24, `header of ${header} bytes`)
        }),
      )
    }

    const itDoesNotOwn = isOwn ? unlisted : it
    itDoesNotOwn(
      'that are files are refused where an image service has them',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        const file = '/images/raw.img'
        await refused(service.create({ size: 1, imageFile: file }), 'unsupported', 'image-file-unsupported')
        const over = () => service.reimageVolume(id, { imageFile: file, reimageReserved: false })
        await unchanged(service, id, () => refused(over(), 'unsupported', 'image-file-unsupported'))
      }),
    )
  })
}
