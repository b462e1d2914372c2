import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import type { ServiceClient } from '../service-client.ts'
import * as cinder from './index.ts'
import { recorded, ScriptedClient } from './testing/scripted-client.ts'

const V = '75950be6-6a6e-4d97-913b-04237f61730d'
const A = 'ca03367e-16fc-41a8-bfa5-d2647ca43837'
const S = '38305316-148c-4700-8f8e-e4905a99d0b0'
const I = '5e71e5a0-0000-4000-8000-000000000001'
const CONNECTOR = { host: 'compute-1' }

interface Row {
  readonly name: string
  readonly work: (client: ServiceClient) => Promise<unknown>
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly microversion?: string
  readonly query?: object
  readonly ok: number
  /** Recorded reply. */
  readonly reply?: string
  readonly json?: unknown
}

const action = (name: string, work: Row['work'], body: unknown, ok = 202): Row => ({
  name,
  work,
  method: 'POST',
  path: `volumes/${V}/action`,
  body,
  ok,
})

const page = { limit: 1000, marker: undefined }

const ROWS: readonly Row[] = [
  {
    name: 'get',
    work: c => cinder.getVolume(c, V),
    method: 'GET',
    path: `volumes/${V}`,
    ok: 200,
    reply: 'volume-show-3.70',
  },
  {
    name: 'get with a microversion',
    work: c => cinder.getVolume(c, V, { microversion: '3.69' }),
    method: 'GET',
    path: `volumes/${V}`,
    microversion: '3.69',
    ok: 200,
    reply: 'volume-show-3.70',
  },
  {
    name: 'get_all',
    work: c => cinder.allVolumes(c, { query: { name: 'x y' } }),
    method: 'GET',
    path: 'volumes/detail',
    query: { name: 'x y', ...page },
    ok: 200,
    json: { volumes: recorded('volume-list-detail-page').body.volumes },
  },
  action('reserve_volume', c => cinder.reserveVolume(c, V, []), { 'os-reserve': null }),
  action('unreserve_volume', c => cinder.unreserveVolume(c, V, []), { 'os-unreserve': null }),
  action('begin_detaching', c => cinder.beginDetaching(c, V, []), { 'os-begin_detaching': null }),
  action('roll_detaching', c => cinder.rollDetaching(c, V, []), { 'os-roll_detaching': null }),
  action('attach', c => cinder.attachVolume(c, V, [{ instanceId: I, mountpoint: '/dev/vdb', mode: 'ro' }]), {
    'os-attach': { instance_uuid: I, mountpoint: '/dev/vdb', mode: 'ro' },
  }),
  action('detach', c => cinder.detachVolume(c, V, [A]), { 'os-detach': { attachment_id: A } }),
  action('detach the only one', c => cinder.detachVolume(c, V, [undefined]), { 'os-detach': { attachment_id: null } }),
  {
    ...action(
      'initialize_connection',
      c => cinder.initializeConnection(c, V, CONNECTOR),
      { 'os-initialize_connection': { connector: CONNECTOR } },
      200,
    ),
    reply: 'legacy-initialize-connection',
  },
  action('terminate_connection', c => cinder.terminateConnection(c, V, [CONNECTOR]), {
    'os-terminate_connection': { connector: CONNECTOR },
  }),
  action('extend', c => cinder.extendVolume(c, V, [5]), { 'os-extend': { new_size: 5 } }),
  {
    ...action(
      'migrate_volume_completion',
      c => cinder.migrateVolumeCompletion(c, V, I, false),
      { 'os-migrate_volume_completion': { new_volume: I, error: false } },
      200,
    ),
    json: { save_volume_id: I },
  },
  {
    ...action('reimage_volume', c => cinder.reimageVolume(c, V, [I, true], { microversion: '3.68' }), {
      'os-reimage': { image_id: I, reimage_reserved: true },
    }),
    microversion: '3.68',
  },
  {
    name: 'create',
    work: c => cinder.createVolume(c, { size: 1, name: 'a', volumeType: 'luks', imageId: I, metadata: { k: 'v' } }),
    method: 'POST',
    path: 'volumes',
    body: { volume: { size: 1, name: 'a', volume_type: 'luks', imageRef: I, metadata: { k: 'v' } } },
    ok: 202,
    reply: 'volume-create',
  },
  { name: 'delete', work: c => cinder.deleteVolume(c, V), method: 'DELETE', path: `volumes/${V}`, ok: 202 },
  {
    name: 'get_absolute_limits',
    work: c => cinder.getLimits(c),
    method: 'GET',
    path: 'limits',
    ok: 200,
    reply: 'limits',
  },
  {
    name: 'get_snapshot',
    work: c => cinder.getSnapshot(c, S),
    method: 'GET',
    path: `snapshots/${S}`,
    ok: 200,
    reply: 'snapshot-show',
  },
  {
    name: 'get_all_snapshots',
    work: c => cinder.allSnapshots(c),
    method: 'GET',
    path: 'snapshots/detail',
    query: page,
    ok: 200,
    json: { snapshots: [] },
  },
  {
    name: 'create_snapshot',
    work: c => cinder.createSnapshot(c, { volumeId: V, name: 's' }),
    method: 'POST',
    path: 'snapshots',
    body: { snapshot: { volume_id: V, force: false, name: 's', metadata: {} } },
    ok: 202,
    reply: 'snapshot-create',
  },
  {
    name: 'create_snapshot_force',
    work: c => cinder.createSnapshot(c, { volumeId: V, force: true }),
    method: 'POST',
    path: 'snapshots',
    body: { snapshot: { volume_id: V, force: true, metadata: {} } },
    ok: 202,
    reply: 'snapshot-create',
  },
  {
    name: 'delete_snapshot',
    work: c => cinder.deleteSnapshot(c, S),
    method: 'DELETE',
    path: `snapshots/${S}`,
    ok: 202,
  },
  {
    name: 'update_snapshot_status',
    work: c => cinder.updateSnapshotStatus(c, S, 'available'),
    method: 'POST',
    path: `snapshots/${S}/action`,
    body: { 'os-update_snapshot_status': { status: 'available', progress: '90%' } },
    ok: 202,
  },
  {
    name: 'get_all_volume_types',
    work: c => cinder.allVolumeTypes(c),
    method: 'GET',
    path: 'types',
    query: { is_public: 'None', ...page },
    ok: 200,
    reply: 'types-list',
  },
  {
    name: 'get_volume_encryption_metadata',
    work: c => cinder.getEncryption(c, V),
    method: 'GET',
    path: `volumes/${V}/encryption`,
    ok: 200,
    reply: 'luks-volume-encryption',
  },
  {
    name: 'attachment_create',
    work: c => cinder.createAttachment(c, { volumeId: V, instanceId: I }),
    method: 'POST',
    path: 'attachments',
    body: { attachment: { volume_uuid: V, instance_uuid: I, connector: null } },
    microversion: '3.44',
    ok: 200,
    reply: 'attachment-create',
  },
  {
    name: 'attachment_create with a connector',
    work: c => cinder.createAttachment(c, { volumeId: V, connector: CONNECTOR }),
    method: 'POST',
    path: 'attachments',
    body: { attachment: { volume_uuid: V, connector: CONNECTOR } },
    microversion: '3.44',
    ok: 200,
    reply: 'ceph-attachment-create',
  },
  {
    name: 'attachment_get',
    work: c => cinder.getAttachment(c, A),
    method: 'GET',
    path: `attachments/${A}`,
    microversion: '3.44',
    ok: 200,
    reply: 'attachment-show',
  },
  {
    name: 'attachment_get_all',
    work: c => cinder.allAttachments(c, { query: { volume_id: V, instance_id: I } }),
    method: 'GET',
    path: 'attachments',
    query: { volume_id: V, instance_id: I, ...page },
    microversion: '3.44',
    ok: 200,
    reply: 'attachment-list',
  },
  {
    name: 'attachment_update',
    work: c => cinder.updateAttachment(c, A, CONNECTOR),
    method: 'PUT',
    path: `attachments/${A}`,
    body: { attachment: { connector: CONNECTOR } },
    microversion: '3.44',
    ok: 200,
    reply: 'attachment-update',
  },
  {
    name: 'attachment_delete',
    work: c => cinder.deleteAttachment(c, A),
    method: 'DELETE',
    path: `attachments/${A}`,
    microversion: '3.44',
    ok: 200,
    json: { attachments: [] },
  },
  {
    name: 'attachment_complete',
    work: c => cinder.completeAttachment(c, A),
    method: 'POST',
    path: `attachments/${A}/action`,
    body: { 'os-complete': null },
    microversion: '3.44',
    ok: 204,
  },
  {
    name: 'types: create',
    work: c => cinder.createVolumeType(c, { name: 't', extraSpecs: { multiattach: '<is> True' } }),
    method: 'POST',
    path: 'types',
    body: {
      volume_type: { name: 't', extra_specs: { multiattach: '<is> True' }, 'os-volume-type-access:is_public': true },
    },
    ok: 200,
    json: { volume_type: { id: I, name: 't', extra_specs: {} } },
  },
  {
    name: 'types: encryption',
    work: c => cinder.getTypeEncryption(c, I),
    method: 'GET',
    path: `types/${I}/encryption`,
    ok: 200,
    reply: 'type-encryption-admin',
  },
  {
    name: 'types: make encrypted',
    work: c =>
      cinder.createTypeEncryption(c, I, { provider: 'luks', cipher: 'c', keySize: 256, controlLocation: 'front-end' }),
    method: 'POST',
    path: `types/${I}/encryption`,
    body: { encryption: { provider: 'luks', cipher: 'c', key_size: 256, control_location: 'front-end' } },
    ok: 200,
  },
  { name: 'types: delete', work: c => cinder.deleteVolumeType(c, I), method: 'DELETE', path: `types/${I}`, ok: 202 },
  {
    name: 'messages',
    work: c => cinder.allMessages(c, { query: { resource_uuid: V } }),
    method: 'GET',
    path: 'messages',
    query: { resource_uuid: V, ...page },
    microversion: '3.5',
    ok: 200,
    reply: 'messages-list',
  },
]

describe('requests of the Block Storage API', () => {
  for (const row of ROWS) {
    it(`${row.name}: ${row.method} ${row.path}`, async () => {
      const body = row.reply === undefined ? row.json : recorded(row.reply).body
      const client = new ScriptedClient(() => ({ status: row.ok, body }))
      await row.work(client)
      const [sent, ...more] = client.sent
      assert.ok(sent)
      assert.equal(more.length, 0)
      assert.deepEqual([sent.method, sent.path, sent.microversion], [row.method, row.path, row.microversion])
      assert.deepEqual(sent.query, row.query)
      assert.deepEqual(sent.json && JSON.parse(JSON.stringify(sent.json)), row.body)
    })

    it(`${row.name} takes no other status for an answer`, async () => {
      const client = new ScriptedClient(() => ({ status: 418, body: {} }))
      await assert.rejects(row.work(client), HoldfastError)
    })
  }

  it('refuses ids that would be another path', async () => {
    for (const id of ['', '.', '..', 'x'.repeat(256)]) {
      const client = new ScriptedClient(() => ({ status: 200 }))
      await assert.rejects(cinder.getVolume(client, id), (error: HoldfastError) => error.code === 'invalid-id')
      assert.deepEqual(client.sent, [])
    }
  })

  it('encodes ids as one part of the path', async () => {
    const client = new ScriptedClient(() => ({ status: 202 }))
    await cinder.deleteVolume(client, '../a b?c#d/é')
    assert.equal(client.sent[0]?.path, 'volumes/..%2Fa%20b%3Fc%23d%2F%C3%A9')
  })
})
