import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attachTo,
  blank,
  connectorOf,
  INSTANCE,
  type MakeBench,
  OTHER_INSTANCE,
  refused,
  statusOf,
  UNKNOWN,
  unchanged,
  using,
  wrongState,
} from './conformance-fixture.ts'

/** The older generation of verbs, and the completion of a swap. */
export function legacyConformance(make: MakeBench): void {
  describe('the flow of reserve, initialize and attach', () => {
    it(
      'walks through the states and back',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        await unchanged(service, id, () =>
          wrongState(service.initializeConnection(id, connectorOf(fixture)).then(), 'available', 'attaching'),
        )
        const attach = () => service.attach(id, { instanceId: INSTANCE, mountpoint: '/dev/vdb', mode: 'ro' })
        await unchanged(service, id, () => wrongState(attach(), 'available', 'attaching'))
        await service.reserveVolume(id)
        assert.equal(await statusOf(service, id), 'attaching')
        const info = await service.initializeConnection(id, connectorOf(fixture))
        assert.deepEqual([info.attachment_id, info.volume_id, info.host], [undefined, id, fixture.hostName])
        await attach()
        const { status, attachments } = await service.get(id)
        assert.equal(status, 'in-use')
        assert.deepEqual(attachments, [
          { attachmentId: attachments[0]?.attachmentId, serverId: INSTANCE, device: '/dev/vdb' },
        ])
        assert.equal((await service.attachmentGet(attachments[0]?.attachmentId ?? '')).attachMode, 'ro')
        await service.beginDetaching(id)
        await service.terminateConnection(id, connectorOf(fixture))
        await service.detach(id, { instanceId: INSTANCE })
        assert.equal(await statusOf(service, id), 'available')
        await unchanged(service, id, () => service.detach(id, {}))
      }),
    )

    it(
      'unreserves what is attaching, and nothing else',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        await unchanged(service, id, () => service.unreserveVolume(id))
        await service.reserveVolume(id)
        await service.unreserveVolume(id)
        assert.equal(await statusOf(service, id), 'available')
        const attachment = await service.attachmentCreate({ volumeId: id, instanceId: INSTANCE })
        await service.attachmentUpdate(attachment.id, connectorOf(fixture))
        await unchanged(service, id, () => service.unreserveVolume(id))
        const { id: shared } = await blank(fixture, { multiattach: true })
        await attachTo(fixture, shared)
        await service.reserveVolume(shared)
        await service.unreserveVolume(shared)
        assert.equal(await statusOf(service, shared), 'in-use')
      }),
    )

    it(
      'does not let a second instance in between',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        const own = await service.attachmentCreate({ volumeId: id, instanceId: INSTANCE })
        await service.attachmentUpdate(own.id, connectorOf(fixture))
        const other = { instanceId: OTHER_INSTANCE, mountpoint: '/dev/vdb', mode: 'rw' } as const
        await unchanged(service, id, () =>
          refused(service.attach(id, other), 'conflict', 'conflict', new RegExp(own.id)),
        )
      }),
    )

    it(
      'detaches the attachment that is meant, and refuses to guess',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture, { multiattach: true })
        await attachTo(fixture, id)
        const second = await attachTo(fixture, id, OTHER_INSTANCE)
        await unchanged(service, id, async () => {
          await refused(service.detach(id, {}), 'wrong-state', 'invalid-volume', /2 attachments/)
          await refused(service.detach(id, { attachmentId: UNKNOWN }), 'not-found', 'attachment-not-found')
          await refused(service.detach(id, { instanceId: UNKNOWN }), 'wrong-state', 'invalid-volume', /not attached/)
        })
        await service.detach(id, { attachmentId: second })
        assert.equal(await statusOf(service, id), 'in-use')
        await service.detach(id, {})
        assert.equal(await statusOf(service, id), 'available')
      }),
    )
  })

  describe('completion of a swap', () => {
    it(
      'moves the attachment to the new volume, once',
      using(make, async fixture => {
        const { service } = fixture
        const old = await blank(fixture)
        const next = await blank(fixture)
        await attachTo(fixture, old.id)
        await service.beginDetaching(old.id)
        await service.reserveVolume(next.id)
        for (let time = 1; time <= 2; time++) {
          assert.equal(await service.migrateVolumeCompletion(old.id, next.id, false), next.id)
          assert.deepEqual([await statusOf(service, old.id), await statusOf(service, next.id)], ['available', 'in-use'])
          const { attachments } = await service.get(next.id)
          assert.deepEqual(
            attachments.map(({ serverId, device }) => [serverId, device]),
            [[INSTANCE, '/dev/vdb']],
          )
        }
      }),
    )

    it(
      'keeps the old volume when the copy failed',
      using(make, async fixture => {
        const { service } = fixture
        const old = await blank(fixture)
        const next = await blank(fixture)
        await attachTo(fixture, old.id)
        await service.beginDetaching(old.id)
        assert.equal(await service.migrateVolumeCompletion(old.id, next.id, true), old.id)
        assert.deepEqual([await statusOf(service, old.id), await statusOf(service, next.id)], ['in-use', 'available'])
        const idle = await blank(fixture)
        await wrongState(service.migrateVolumeCompletion(idle.id, next.id, false), 'available', 'in-use')
        await refused(service.migrateVolumeCompletion(old.id, old.id, false), 'invalid-input', 'invalid-input')
      }),
    )
  })
}
