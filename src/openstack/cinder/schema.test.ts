import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { At } from './fields.ts'
import {
  parseAttachment,
  parseEncryption,
  parseLimits,
  parseMessage,
  parseSnapshot,
  parseTypeEncryption,
  parseVolume,
  parseVolumeType,
} from './schema.ts'
import { recorded } from './testing/scripted-client.ts'

const at = (what: string) => new At(what, { requestId: 'req-1' })
const volumeOf = (name: string) => recorded(name).body.volume ?? {}

describe('what Cinder answers', () => {
  it('is a volume', () => {
    assert.deepEqual(parseVolume(volumeOf('volume-show-in-use'), at('volume')), {
      id: '75950be6-6a6e-4d97-913b-04237f61730d',
      status: 'in-use',
      size: 2,
      availabilityZone: 'nova',
      createdAt: '2026-11-22T11:57:58.000000'.replace(':58', ':53'),
      name: 'vol-1b',
      description: 'first',
      volumeType: 'lab',
      snapshotId: null,
      sourceVolumeId: null,
      metadata: { purpose: 'sample', a: 'b' },
      bootable: false,
      encrypted: false,
      multiattach: false,
      attachments: [
        {
          attachmentId: 'ca03367e-16fc-41a8-bfa5-d2647ca43837',
          serverId: '5e71e5a0-0000-4000-8000-000000000001',
          device: '/dev/vdb',
          hostName: null,
        },
      ],
      imageMetadata: undefined,
      sharedTargets: undefined,
      serviceUuid: undefined,
      migrationStatus: undefined,
      nameId: undefined,
    })
  })

  it('is more of a volume with newer microversions, and for administrators', () => {
    const newer = parseVolume(volumeOf('volume-show-3.70'), at('volume'))
    assert.deepEqual([newer.sharedTargets, newer.serviceUuid], [true, 'f03dcc04-e15b-4f34-8b19-cc704db594d7'])
    const admin = parseVolume(volumeOf('volume-show-admin'), at('volume'))
    assert.deepEqual([admin.migrationStatus, admin.nameId], [null, null])
    assert.equal(
      parseVolume({ ...volumeOf('volume-show-3.70'), shared_targets: null }, at('volume')).sharedTargets,
      null,
    )
  })

  it('may say what is bootable in words', () => {
    for (const [word, is] of [
      ['true', true],
      ['True', true],
      ['yes', true],
      ['1', true],
      ['false', false],
      ['', false],
      [true, true],
    ] as const) {
      assert.equal(parseVolume({ ...volumeOf('volume-create'), bootable: word }, at('volume')).bootable, is)
    }
  })

  it('is a snapshot, whose progress is not told at first', () => {
    const made = parseSnapshot(recorded('snapshot-create').body.snapshot, at('snapshot'))
    const shown = parseSnapshot(recorded('snapshot-show').body.snapshot, at('snapshot'))
    assert.deepEqual(
      [made.status, made.progress, shown.status, shown.progress],
      ['creating', undefined, 'available', '100%'],
    )
  })

  it('is an attachment: what is missing there is an empty text or the word null', () => {
    const reserved = parseAttachment(recorded('attachment-create').body.attachment, at('attachment'))
    assert.deepEqual(reserved, {
      id: 'a3ff3984-b59a-403c-b29b-547f83c1052c',
      status: 'reserved',
      instanceId: '5e71e5a0-0000-4000-8000-000000000001',
      volumeId: '75950be6-6a6e-4d97-913b-04237f61730d',
      attachedAt: null,
      attachMode: null,
      connectionInfo: undefined,
    })
    const shown = parseAttachment(recorded('attachment-show').body.attachment, at('attachment'))
    assert.deepEqual([shown.attachMode, shown.attachedAt], ['rw', '2026-11-22T11:57:58.000000'])
    assert.equal(shown.connectionInfo?.driver_volume_type, 'iscsi')
  })

  it('is types, their encryption, limits, messages', () => {
    const types = (recorded('types-list').body.volume_types as unknown as unknown[]).map(type =>
      parseVolumeType(type, at('type')),
    )
    assert.deepEqual(
      types.filter(({ extraSpecs }) => extraSpecs?.multiattach).map(({ name }) => name),
      ['multiattach', 'ceph-multiattach'],
    )
    const encryption = { provider: 'luks', cipher: 'aes-xts-plain64', keySize: 256, controlLocation: 'front-end' }
    assert.deepEqual(parseTypeEncryption(recorded('type-encryption-admin').body, at('encryption')), encryption)
    assert.equal(parseTypeEncryption({}, at('encryption')), undefined)
    assert.equal(parseLimits(recorded('limits').body, at('limits')).maxTotalVolumeGigabytes, 21)
    const [first] = recorded('messages-list').body.messages as unknown as unknown[]
    assert.match(parseMessage(first, at('message')).userMessage, /weighted backend/)
    assert.equal(parseEncryption(recorded('plain-volume-encryption').body, at('encryption')).keyId, null)
  })
})

const REQUIRED = ['id', 'status', 'size', 'created_at', 'metadata', 'bootable', 'encrypted', 'attachments']

describe('an answer that is none', () => {
  const refused = (work: () => unknown, field: string) =>
    assert.throws(work, (error: unknown) => {
      assert.ok(error instanceof HoldfastError)
      assert.equal(error.code, 'reply-malformed')
      assert.match(error.message, new RegExp(`'${field.replaceAll('.', '\\.')}`))
      assert.equal(error.details.requestId, 'req-1')
      return true
    })

  for (const field of Object.keys(volumeOf('volume-show-admin'))) {
    const known = parseVolume(volumeOf('volume-show-admin'), at('volume'))
    it(`is refused if it has a wrong '${field}', or the field is not read`, () => {
      const wrong = { ...volumeOf('volume-show-admin'), [field]: { is: 7 } }
      try {
        assert.deepEqual(parseVolume(wrong, at('volume')), known)
      } catch {
        refused(() => parseVolume(wrong, at('volume')), field)
      }
    })
  }

  for (const field of REQUIRED) {
    it(`is refused without '${field}'`, () => {
      const { [field]: _gone, ...rest } = volumeOf('volume-create')
      const work = () => parseVolume(rest, at('volume'))
      if (field === 'metadata') assert.deepEqual(work().metadata, {})
      else refused(work, field)
    })
  }

  it('is refused with its place, and never shows a secret', () => {
    const place = at('attachment')
    place.index = 16
    const { attachment } = recorded('attachment-show').body
    const work = () => parseAttachment({ ...attachment, connection_info: 'da33d4871731d6e7' }, place)
    assert.throws(work, /attachment 17 that the volume service answered has no object 'connection_info', but a string/)
  })

  it('is refused where texts are not texts, sizes not counts, objects not objects', () => {
    const volume = volumeOf('volume-create')
    refused(() => parseVolume({ ...volume, metadata: { a: 1 } }, at('volume')), 'metadata.a')
    refused(() => parseVolume({ ...volume, size: 1.5 }, at('volume')), 'size')
    refused(() => parseVolume({ ...volume, size: -1 }, at('volume')), 'size')
    refused(() => parseVolume({ ...volume, attachments: [{}] }, at('volume')), 'attachments.attachment_id')
    refused(() => parseVolume([], at('volume')), 'volume')
    refused(() => parseLimits({ limits: [] }, at('limits')), 'limits')
  })
})
