import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attachTo,
  blank,
  type MakeVolumeService,
  refused,
  statusOf,
  UNKNOWN,
  unchanged,
  using,
  wrongState,
} from './conformance-fixture.ts'
import type { CreateVolume, CreateVolumeType } from './volume-service.ts'

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

export function volumeConformance(make: MakeVolumeService): void {
  describe('volumes', () => {
    it(
      'creates a blank volume with all that was asked for',
      using(make, async ({ service, availabilityZone }) => {
        const request = { name: 'data-1', description: 'für Daten <&>', size: 2, metadata: { a: 'b', c: '$(x) <y>' } }
        const { id, createdAt, ...rest } = await service.create(request)
        assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
        assert.deepEqual(rest, {
          ...request,
          status: 'available',
          availabilityZone,
          volumeType: null,
          encrypted: false,
          bootable: false,
          multiattach: false,
          snapshotId: null,
          sourceVolumeId: null,
          attachments: [],
          attachStatus: 'detached',
        })
        assert.deepEqual(await service.get(id), { id, createdAt, ...rest })
      }),
    )

    it(
      'lists volumes in the order of creation, by name, by status',
      using(make, async ({ service }) => {
        const ids = []
        for (const name of ['b', 'a', 'a']) ids.push((await blank(service, { name })).id)
        await service.reserveVolume(ids[2] as string)
        const list = async (filter?: Parameters<typeof service.getAll>[0]) =>
          (await service.getAll(filter)).map(volume => volume.id)
        assert.deepEqual(await list(), ids)
        assert.deepEqual(await list({ name: 'a' }), ids.slice(1))
        assert.deepEqual(await list({ name: 'a', status: 'available' }), [ids[1]])
        assert.deepEqual(await list({ name: 'nobody' }), [])
      }),
    )

    it(
      'refuses unknown ids everywhere',
      using(make, async ({ service }) => {
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
      using(make, async ({ service }) => {
        const bad = (request: CreateVolume, code: string) => refused(service.create(request), 'invalid-input', code)
        for (const name of BAD_NAMES) {
          await bad({ size: 1, name }, 'invalid-name')
          await bad({ size: 1, availabilityZone: name }, 'invalid-name')
          await refused(service.createVolumeType({ name }), 'invalid-input', 'invalid-name')
        }
        for (const size of [0, -1, 1.5, 16_385, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
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
        const { id } = await blank(service, { size: 2 })
        assert.equal((await service.extend(id, 5)).size, 5)
        await unchanged(service, id, async () => {
          for (const size of [5, 4, 0, -1, 5.5, 20_000, Number.NaN]) {
            await refused(service.extend(id, size), 'invalid-input', 'invalid-size')
          }
        })
        await attachTo(fixture, id)
        await unchanged(service, id, () => wrongState(service.extend(id, 6), 'in-use', 'available'))
      }),
    )

    it(
      'deletes no file that is not its own (I5); one that is gone is no obstacle',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(service)
        await fixture.hideStorage(id)
        await fixture.exchangeStorage(id)
        await unchanged(service, id, () => refused(service.delete(id), 'unsafe', 'wrong-device', new RegExp(id)))
        await fixture.hideStorage(id)
        await service.delete(id)
        await refused(service.get(id), 'not-found', 'volume-not-found')
      }),
    )

    it(
      'deletes a volume that is available, and none that is needed',
      using(make, async fixture => {
        const { service } = fixture
        const { id } = await blank(service)
        const attachment = await attachTo(fixture, id)
        await unchanged(service, id, () =>
          refused(service.delete(id), 'wrong-state', 'invalid-volume', /'in-use'.*11111111-aaaa/),
        )
        await service.attachmentDelete(attachment)
        const snapshot = await service.createSnapshot(id, {})
        await unchanged(service, id, () =>
          refused(service.delete(id), 'wrong-state', 'invalid-volume', new RegExp(snapshot.id)),
        )
        await service.deleteSnapshot(snapshot.id)
        await service.reserveVolume(id)
        await unchanged(service, id, () => wrongState(service.delete(id), 'attaching', 'available'))
        await service.unreserveVolume(id)
        await service.delete(id)
        await refused(service.get(id), 'not-found', 'volume-not-found')
        await refused(service.delete(id), 'not-found', 'volume-not-found')
      }),
    )

    it(
      'holds the quotas, and tells the numbers',
      using(
        make,
        async ({ service }) => {
          const over = (promise: Promise<unknown>, message: RegExp) => refused(promise, 'quota', 'over-quota', message)
          const { id } = await blank(service, { size: 2 })
          await over(service.create({ size: 9 }), /gigabytes is 10, of which 2 are used: there is no room for 9 more/)
          await over(service.extend(id, 11), /gigabytes is 10, of which 2 are used: there is no room for 9 more/)
          await blank(service)
          await over(service.create({ size: 1 }), /volumes is 2, of which 2 are used/)
          await service.createSnapshot(id, {})
          await over(service.createSnapshot(id, {}), /snapshots is 1, of which 1 are used/)
          assert.deepEqual(await service.getAbsoluteLimits(), {
            maxTotalVolumes: 2,
            maxTotalVolumeGigabytes: 10,
            maxTotalSnapshots: 1,
            totalVolumesUsed: 2,
            totalGigabytesUsed: 5,
            totalSnapshotsUsed: 1,
          })
          await service.extend(id, 7)
          assert.equal(await statusOf(service, id), 'available')
        },
        { quotas: { volumes: 2, gigabytes: 10, snapshots: 1 } },
      ),
    )

    it(
      'lets one of many creations have the last of a quota',
      using(
        make,
        async ({ service }) => {
          const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => blank(service)))
          assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2)
          assert.equal((await service.getAbsoluteLimits()).totalVolumesUsed, 2)
        },
        { quotas: { volumes: 2 } },
      ),
    )
  })

  describe('volume types', () => {
    it(
      'fills in the defaults, lists by name, finds by name and id',
      using(make, async ({ service }) => {
        const plain = await service.createVolumeType({ name: 'plain', multiattach: true })
        const luks = await service.createVolumeType({ name: 'luks', encryption: { provider: 'luks2' } })
        assert.deepEqual(await service.getAllVolumeTypes(), [luks, plain])
        assert.deepEqual(plain, { id: plain.id, name: 'plain', multiattach: true })
        assert.deepEqual(luks, {
          id: luks.id,
          name: 'luks',
          multiattach: false,
          encryption: { provider: 'luks2', cipher: 'aes-xts-plain64', keySize: 512, controlLocation: 'front-end' },
        })
        assert.equal((await blank(service, { volumeType: luks.id })).volumeType, 'luks')
        assert.equal((await blank(service, { volumeType: 'plain' })).multiattach, true)
        await refused(service.createVolumeType({ name: 'luks' }), 'conflict', 'conflict', /luks/)
        await refused(service.deleteVolumeType('luks'), 'conflict', 'conflict', /luks/)
        await service.createVolumeType({ name: 'unused' })
        await service.deleteVolumeType('unused')
        assert.deepEqual(await service.getAllVolumeTypes(), [luks, plain])
      }),
    )

    it(
      'refuses encryption that nobody would perform, and makes nothing',
      using(make, async ({ service }) => {
        const type = (encryption: unknown, more = {}) =>
          service.createVolumeType({ name: 't', encryption, ...more } as CreateVolumeType)
        const unsupported = (promise: Promise<unknown>) => refused(promise, 'unsupported', 'encryption-unsupported')
        await unsupported(type({ provider: 'plain' }))
        await unsupported(type({ provider: 'nova.volume.encryptors.luks.LuksEncryptor' }))
        await unsupported(type({ provider: 'luks', controlLocation: 'back-end' }))
        await unsupported(type({ provider: 'luks' }, { multiattach: true }))
        const invalid = (promise: Promise<unknown>) => refused(promise, 'invalid-input', 'invalid-input')
        await invalid(type({ provider: 'luks', cipher: 'aes' }))
        await invalid(type({ provider: 'luks', cipher: '--help-me' }))
        await invalid(type({ provider: 'luks', keySize: 100 }))
        await invalid(type({ provider: 'luks', keySize: 128 }))
        assert.deepEqual(await service.getAllVolumeTypes(), [])
        await service.createVolumeType({ name: 'luks', encryption: { provider: 'luks' } })
        await unsupported(service.create({ size: 1, volumeType: 'luks', multiattach: true }))
        assert.deepEqual(await service.getAll(), [])
      }),
    )
  })
}
