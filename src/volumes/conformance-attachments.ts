import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkConnection } from './conformance-connection.ts'
import {
  attachTo,
  blank,
  comparable,
  connectorOf,
  INSTANCE,
  idsOf,
  inOrder,
  type MakeBench,
  OTHER_INSTANCE,
  ownStorage,
  refused,
  statusOf,
  type Traits,
  UNKNOWN,
  unchanged,
  unlisted,
  using,
  wrongState,
} from './conformance-fixture.ts'
import type { Attachment, AttachmentFilter } from './volume-service.ts'

const view = (attachment: Attachment) => ({ ...attachment, connectionInfo: comparable(attachment.connectionInfo) })

export function attachmentConformance(make: MakeBench, { ownStorage: isOwn }: Traits): void {
  describe('attachments', () => {
    it(
      'go from reserved over attaching to attached, and the volume with them',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const made = await service.attachmentCreate({ volumeId, instanceId: INSTANCE })
        assert.deepEqual(made, {
          id: made.id,
          volumeId,
          instanceId: INSTANCE,
          status: 'reserved',
          attachMode: 'rw',
          attachedAt: null,
        })
        assert.deepEqual(
          [await statusOf(service, volumeId), (await service.get(volumeId)).attachments],
          ['reserved', []],
        )

        const updated = await service.attachmentUpdate(made.id, connectorOf(fixture), '/dev/vdc')
        assert.equal(updated.status, 'attaching')
        assert.equal(await statusOf(service, volumeId), 'attaching')
        checkConnection(fixture, updated.connectionInfo, { volumeId, attachmentId: made.id })

        await service.attachmentComplete(made.id)
        const done = await service.attachmentGet(made.id)
        assert.match(done.attachedAt ?? '', /^\d{4}-/)
        assert.deepEqual(view({ ...done, attachedAt: null }), view({ ...updated, status: 'attached' }))
        const { status, attachStatus, attachments } = await service.get(volumeId)
        assert.deepEqual([status, attachStatus], ['in-use', 'attached'])
        assert.deepEqual(attachments, [{ attachmentId: made.id, serverId: INSTANCE, device: '/dev/vdc' }])

        assert.equal(await service.attachmentDelete(made.id), 'made')
        assert.deepEqual(await service.attachmentGetAll({ volumeId }), [])
        assert.equal(await statusOf(service, volumeId), 'available')
      }),
    )

    it(
      'are idempotent: update, complete and delete again change nothing',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const { id } = await service.attachmentCreate({ volumeId, instanceId: INSTANCE })
        const first = await service.attachmentUpdate(id, connectorOf(fixture), '/dev/vdb')
        assert.deepEqual(view(await service.attachmentUpdate(id, connectorOf(fixture), '/dev/vdb')), view(first))
        await service.attachmentComplete(id)
        await unchanged(service, volumeId, async () => {
          await service.attachmentComplete(id)
          const again = await service.attachmentUpdate(id, connectorOf(fixture), '/dev/vdb')
          assert.deepEqual(comparable(again.connectionInfo), comparable(first.connectionInfo))
          assert.equal(again.status, 'attached')
        })
        assert.equal(await service.attachmentDelete(id), 'made')
        assert.equal(await service.attachmentDelete(id), 'already')
        assert.equal(await service.attachmentDelete(UNKNOWN), 'already')
      }),
    )

    it(
      'with a connector at once are as if updated',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const request = { volumeId, instanceId: INSTANCE, connector: connectorOf(fixture), mountpoint: '/dev/vdd' }
        const made = await service.attachmentCreate(request)
        assert.equal(made.status, 'attaching')
        assert.equal(made.connectionInfo?.attachment_id, made.id)
        assert.equal(await statusOf(service, volumeId), 'attaching')
        await service.attachmentComplete(made.id)
        assert.equal((await service.get(volumeId)).attachments[0]?.device, '/dev/vdd')
      }),
    )

    it(
      "take the connector's own mountpoint before the caller's",
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const { id } = await service.attachmentCreate({ volumeId, instanceId: INSTANCE })
        await service.attachmentUpdate(id, { ...connectorOf(fixture), mountpoint: '/dev/vdx' }, '/dev/vdb')
        await service.attachmentComplete(id)
        assert.equal((await service.get(volumeId)).attachments[0]?.device, '/dev/vdx')
      }),
    )

    it(
      'are refused while the volume is taken, and change nothing',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        const other = () => service.attachmentCreate({ volumeId: id, instanceId: OTHER_INSTANCE })
        await attachTo(fixture, id)
        await unchanged(service, id, () => wrongState(other(), 'in-use', 'available'))
        await unchanged(service, id, () => wrongState(service.reserveVolume(id), 'in-use', 'available'))
        await service.beginDetaching(id)
        await unchanged(service, id, () => wrongState(other(), 'detaching', 'available'))
        await unchanged(service, id, () => wrongState(service.beginDetaching(id), 'detaching', 'in-use'))
        const { id: legacy } = await blank(fixture)
        await service.reserveVolume(legacy)
        const taken = service.attachmentCreate({ volumeId: legacy, instanceId: INSTANCE })
        await wrongState(taken, 'attaching', 'available')
      }),
    )

    it(
      'at once on one volume: exactly one wins',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const tries = [INSTANCE, OTHER_INSTANCE].map(instanceId => service.attachmentCreate({ volumeId, instanceId }))
        const outcomes = await Promise.allSettled([...tries, service.reserveVolume(volumeId)])
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
        assert.equal((await service.attachmentGetAll({ volumeId })).length, 1)
      }),
    )

    it(
      'may be two for an instance that moves; of those one may be connected',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const first = await attachTo(fixture, volumeId)
        const second = await service.attachmentCreate({ volumeId, instanceId: INSTANCE })
        assert.equal(second.status, 'reserved')
        assert.equal(await statusOf(service, volumeId), 'in-use')
        const early = service.attachmentUpdate(second.id, connectorOf(fixture))
        await refused(early, 'conflict', 'conflict', new RegExp(first))
        await service.attachmentDelete(first)
        assert.equal(await statusOf(service, volumeId), 'reserved')
        await service.attachmentUpdate(second.id, connectorOf(fixture))
        await service.attachmentComplete(second.id)
        assert.equal(await statusOf(service, volumeId), 'in-use')
      }),
    )

    it(
      'are refused in the wrong state, on the wrong host, with a wrong id',
      using(make, async fixture => {
        const { service } = fixture
        const { id: volumeId } = await blank(fixture)
        const { id } = await service.attachmentCreate({ volumeId, instanceId: INSTANCE })
        await unchanged(service, volumeId, async () => {
          const early = service.attachmentComplete(id)
          await refused(early, 'wrong-state', 'invalid-attachment', /'reserved'.*'attaching'/)
          await refused(
            service.attachmentUpdate(id, connectorOf(fixture, 'elsewhere')),
            'unsafe',
            'wrong-host',
            /elsewhere/,
          )
          await refused(service.attachmentUpdate(id, connectorOf(fixture, '')), 'invalid-input', 'invalid-input')
          const control = service.attachmentUpdate(id, connectorOf(fixture), '/dev/v\ndb')
          await refused(control, 'invalid-input', 'invalid-input')
          await refused(service.attachmentGetAll({}), 'invalid-input', 'invalid-input')
          const nobody = service.attachmentCreate({ volumeId, instanceId: 'me' })
          await refused(nobody, 'invalid-input', 'invalid-id')
        })
        for (const unknown of [UNKNOWN, '', 'x y']) {
          await refused(service.attachmentGet(unknown), 'not-found', 'attachment-not-found')
          await refused(service.attachmentComplete(unknown), 'not-found', 'attachment-not-found')
          const update = service.attachmentUpdate(unknown, connectorOf(fixture))
          await refused(update, 'not-found', 'attachment-not-found')
        }
        const lost = service.attachmentCreate({ volumeId: UNKNOWN, instanceId: INSTANCE })
        await refused(lost, 'not-found', 'volume-not-found')
      }),
    )

    it(
      'are found by instance, by volume, by both',
      using(make, async fixture => {
        const { service } = fixture
        const one = await blank(fixture)
        const two = await blank(fixture)
        const a = await service.attachmentCreate({ volumeId: one.id, instanceId: INSTANCE })
        const b = await service.attachmentCreate({ volumeId: two.id, instanceId: INSTANCE })
        const ids = async (filter: AttachmentFilter) => idsOf(fixture, await service.attachmentGetAll(filter))
        assert.deepEqual(await ids({ instanceId: INSTANCE }), inOrder(fixture, [a.id, b.id]))
        assert.deepEqual(await ids({ all: true }), inOrder(fixture, [a.id, b.id]))
        assert.deepEqual(await ids({ volumeId: two.id }), [b.id])
        assert.deepEqual(await ids({ volumeId: two.id, all: true }), [b.id])
        assert.deepEqual(await ids({ volumeId: two.id, instanceId: OTHER_INSTANCE }), [])
      }),
    )

    it(
      'of a multiattach volume stand side by side, and each goes alone',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture, { multiattach: true })
        const first = await attachTo(fixture, id)
        const second = await attachTo(fixture, id, OTHER_INSTANCE)
        const { attachments } = await service.get(id)
        const servers = attachments.map(({ serverId }) => serverId)
        assert.deepEqual(inOrder(fixture, servers), [INSTANCE, OTHER_INSTANCE])
        await service.beginDetaching(id)
        await service.attachmentDelete(first)
        assert.equal(await statusOf(service, id), 'in-use')
        await service.attachmentDelete(second)
        assert.equal(await statusOf(service, id), 'available')
      }),
    )

    const itOwns = isOwn ? it : unlisted
    itOwns(
      'give no connection info for storage that is absent or exchanged',
      using(make, async fixture => {
        const { service } = fixture
        const storage = ownStorage(fixture)
        const { id: volumeId } = await blank(fixture)
        const { id } = await service.attachmentCreate({ volumeId, instanceId: INSTANCE })
        const update = () => service.attachmentUpdate(id, connectorOf(fixture))
        await storage.hideStorage(volumeId)
        await unchanged(service, volumeId, () =>
          refused(update(), 'unavailable', 'storage-absent', new RegExp(volumeId)),
        )
        const atOnce = { volumeId, instanceId: INSTANCE, connector: connectorOf(fixture) }
        await unchanged(service, volumeId, () =>
          refused(service.attachmentCreate(atOnce), 'unavailable', 'storage-absent'),
        )
        await storage.showStorage(volumeId)
        await update()
        await storage.exchangeStorage(volumeId)
        await unchanged(service, volumeId, () => refused(update(), 'unsafe', 'wrong-device'))
        await refused(service.initializeConnection(volumeId, connectorOf(fixture)), 'unsafe', 'wrong-device')
      }),
    )
  })

  describe('detaching', () => {
    it(
      'begins from in-use only and rolls back',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        await wrongState(service.beginDetaching(id), 'available', 'in-use')
        await unchanged(service, id, () => service.rollDetaching(id))
        await attachTo(fixture, id)
        await unchanged(service, id, () => service.rollDetaching(id))
        await service.beginDetaching(id)
        assert.equal(await statusOf(service, id), 'detaching')
        await service.rollDetaching(id)
        assert.equal(await statusOf(service, id), 'in-use')
        assert.equal((await service.get(id)).attachments.length, 1)
      }),
    )
  })
}
