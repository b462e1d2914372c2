import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attachTo,
  blank,
  deleted,
  extended,
  idsOf,
  inOrder,
  type MakeBench,
  made,
  ownStorage,
  refused,
  snapshotDeleted,
  snapshotOf,
  type Traits,
  UNKNOWN,
  unchanged,
  unlisted,
  using,
  words,
  wrongState,
} from './conformance-fixture.ts'
import type { CreateVolume, Volume, VolumeFilter } from './volume-service.ts'

const BAD_NAMES = [
  '',
  ' ',
  'two words',
  'a/b',
  '../up',
  'line\nbreak',
  'x'.repeat(300),
  '<volume/>',
  '&amp;',
  '$(reboot)',
  '`id`',
  'a;b',
  "quote'",
  '-option',
  'tab\t',
  'nul\0',
  'ünï',
]

/** Cinder notes it a little after the volume is there. */
const withoutService = ({ serviceUuid, ...rest }: Volume) => rest

export function volumeConformance(make: MakeBench, { ownStorage: isOwn }: Traits): void {
  describe('volumes', () => {
    it(
      'are attached by the attachments resource',
      using(make, async ({ service }) => assert.equal(await service.generation(), 'attachments')),
    )

    it(
      'creates a blank volume with all that was asked for',
      using(make, async fixture => {
        const { service, availabilityZone, traits } = fixture
        const request = { name: 'data-1', description: 'für Daten <&>', size: 2, metadata: { a: 'b', c: '$(x) <y>' } }
        const volume = await made(fixture, request)
        const { id, createdAt, sharedTargets, serviceUuid, migrationStatus, ...rest } = volume
        assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
        assert.deepEqual(rest, {
          ...request,
          status: 'available',
          availabilityZone,
          volumeType: traits.defaultType,
          encrypted: false,
          bootable: false,
          multiattach: false,
          snapshotId: null,
          sourceVolumeId: null,
          attachments: [],
          attachStatus: 'detached',
        })
        assert.deepEqual(withoutService(await service.get(id)), withoutService(volume))
      }),
    )

    it(
      'lists volumes in the order of creation, by name, by status',
      using(make, async fixture => {
        const { service } = fixture
        const ids = []
        for (const name of ['b', 'a', 'a']) ids.push((await blank(fixture, { name })).id)
        await service.reserveVolume(ids[2] as string)
        const list = async (filter?: VolumeFilter) => idsOf(fixture, await service.getAll(filter))
        assert.deepEqual(await list(), inOrder(fixture, ids))
        assert.deepEqual(await list({ name: 'a' }), inOrder(fixture, ids.slice(1)))
        assert.deepEqual(await list({ name: 'a', status: 'available' }), [ids[1]])
        assert.deepEqual(await list({ name: 'nobody' }), [])
        for (const filter of [undefined, { name: 'a' }, { status: 'attaching' }] as const) {
          const one = []
          for await (const volume of service.list(filter)) one.push(volume)
          assert.deepEqual(one, await service.getAll(filter))
        }
        for await (const { id } of service.list()) {
          assert.ok(ids.includes(id))
          break
        }
      }),
    )

    it(
      'refuses unknown ids everywhere',
      using(make, async fixture => {
        const { service } = fixture
        for (const id of [UNKNOWN, '', 'x', "'; DROP TABLE volumes; --", '../pool', 'a'.repeat(500)]) {
          const gone = (promise: Promise<unknown>) => refused(promise, 'not-found', 'volume-not-found')
          await gone(service.get(id))
          await gone(service.delete(id))
          await gone(service.extend(id, 2))
          await gone(service.reserveVolume(id))
          await gone(service.unreserveVolume(id))
          await gone(service.beginDetaching(id))
          await gone(service.rollDetaching(id))
          await gone(service.getVolumeEncryptionMetadata(id))
          await gone(service.createSnapshot(id, {}))
          assert.equal(await service.settled(id), undefined)
          assert.equal(await service.snapshotSettled(id), undefined)
          await gone(service.create({ sourceVolumeId: id }))
          await gone(service.migrateVolumeCompletion(id, id, false))
          await refused(service.getSnapshot(id), 'not-found', 'snapshot-not-found')
          await refused(service.deleteSnapshot(id), 'not-found', 'snapshot-not-found')
          await refused(service.updateSnapshotStatus(id, 'error'), 'not-found', 'snapshot-not-found')
          await refused(service.create({ snapshotId: id }), 'not-found', 'snapshot-not-found')
          await refused(service.create({ size: 1, volumeType: id }), 'not-found', 'volume-type-not-found')
          await refused(service.deleteVolumeType(id), 'not-found', 'volume-type-not-found')
        }
        assert.deepEqual(await service.getAll(), [])
      }),
    )

    it(
      'refuses bad names, sizes, texts and sources, and makes nothing',
      using(make, async fixture => {
        const { service } = fixture
        const bad = (request: CreateVolume, code: string) => refused(service.create(request), 'invalid-input', code)
        for (const name of BAD_NAMES) {
          await bad({ size: 1, name }, 'invalid-name')
          await bad({ size: 1, availabilityZone: name }, 'invalid-name')
          await refused(service.createVolumeType({ name }), 'invalid-input', 'invalid-name')
        }
        const { largestSize } = fixture.traits
        for (const size of [0, -1, 1.5, largestSize + 1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
          await bad({ size }, 'invalid-size')
        }
        await bad({}, 'invalid-size')
        await bad({ size: 1, description: 'x'.repeat(256) }, 'invalid-input')
        await bad({ size: 1, description: 'a\u001b[2J' }, 'invalid-input')
        await bad({ size: 1, metadata: { '': 'x' } }, 'invalid-input')
        await bad({ size: 1, metadata: { a: 'x'.repeat(256) } }, 'invalid-input')
        await bad({ size: 1, metadata: { 'a\nb': 'x' } }, 'invalid-input')
        await bad({ size: 1, snapshotId: UNKNOWN, sourceVolumeId: UNKNOWN }, 'invalid-input')
        assert.deepEqual(await service.getAll(), [])
        assert.equal((await service.getAbsoluteLimits()).totalVolumesUsed, 0)
      }),
    )

    it(
      'extends a volume that is available, and only to more',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture, { size: 2 })
        const grown = await extended(fixture, id, 5)
        assert.deepEqual([grown?.size, grown?.status], [5, 'available'])
        await unchanged(service, id, async () => {
          for (const size of [5, 4, 0, -1, 5.5, fixture.traits.largestSize + 1, Number.NaN]) {
            await refused(service.extend(id, size), 'invalid-input', 'invalid-size')
          }
        })
        await attachTo(fixture, id)
        await unchanged(service, id, () => wrongState(service.extend(id, 6), 'in-use', 'available'))
      }),
    )

    const itOwns = isOwn ? it : unlisted
    itOwns(
      'deletes no file that is not its own (I5); one that is gone is no obstacle',
      using(make, async fixture => {
        const { service } = fixture
        const storage = ownStorage(fixture)
        const { id } = await blank(fixture)
        await storage.hideStorage(id)
        await storage.exchangeStorage(id)
        await unchanged(service, id, () => refused(service.delete(id), 'unsafe', 'wrong-device', new RegExp(id)))
        await storage.hideStorage(id)
        await service.delete(id)
        await refused(service.get(id), 'not-found', 'volume-not-found')
      }),
    )

    it(
      'deletes a volume that is available, and none that is needed',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(fixture)
        const attachment = await attachTo(fixture, id)
        await unchanged(service, id, () =>
          refused(service.delete(id), 'wrong-state', 'invalid-volume', /'in-use'.*11111111-aaaa/),
        )
        await service.attachmentDelete(attachment)
        const snapshot = await snapshotOf(fixture, id)
        await unchanged(service, id, () =>
          refused(service.delete(id), 'wrong-state', 'invalid-volume', new RegExp(snapshot.id)),
        )
        await snapshotDeleted(fixture, snapshot.id)
        await service.reserveVolume(id)
        await unchanged(service, id, () => wrongState(service.delete(id), 'attaching', 'available'))
        await service.unreserveVolume(id)
        await deleted(fixture, id)
        await refused(service.get(id), 'not-found', 'volume-not-found')
        await refused(service.delete(id), 'not-found', 'volume-not-found')
      }),
    )

    it(
      'holds the quotas, and tells the numbers',
      using(
        make,
        async fixture => {
          const { service } = fixture
          const over = (promise: Promise<unknown>, message: RegExp) =>
            refused(promise, 'quota', 'over-quota', words(fixture, message))
          const { id } = await blank(fixture, { size: 2 })
          await over(service.create({ size: 9 }), /gigabytes is 10, of which 2 are used: there is no room for 9 more/)
          await over(service.extend(id, 11), /gigabytes is 10, of which 2 are used: there is no room for 9 more/)
          await blank(fixture)
          await over(service.create({ size: 1 }), /volumes is 2, of which 2 are used/)
          await snapshotOf(fixture, id)
          await over(service.createSnapshot(id, {}), /snapshots is 1, of which 1 are used/)
          assert.deepEqual(await service.getAbsoluteLimits(), {
            maxTotalVolumes: 2,
            maxTotalVolumeGigabytes: 10,
            maxTotalSnapshots: 1,
            totalVolumesUsed: 2,
            totalGigabytesUsed: 5,
            totalSnapshotsUsed: 1,
          })
          assert.equal((await extended(fixture, id, 7))?.status, 'available')
        },
        { quotas: { volumes: 2, gigabytes: 10, snapshots: 1 } },
      ),
    )

    it(
      'lets one of many creations have the last of a quota',
      using(
        make,
        async fixture => {
          const { service } = fixture
          const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => service.create({ size: 1 })))
          assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2)
          assert.equal((await service.getAbsoluteLimits()).totalVolumesUsed, 2)
        },
        { quotas: { volumes: 2 } },
      ),
    )
  })
}
