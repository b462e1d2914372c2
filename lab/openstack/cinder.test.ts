import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { allAttachments, allVolumes } from '#src/openstack/cinder/index.ts'
import type { ServiceClient } from '#src/openstack/service-client.ts'
import type { CloudSession } from '#src/openstack/session.ts'
import type { CinderVolumeService } from '#src/volumes/cinder/cinder-volume-service.ts'
import type { CreateVolume, Volume } from '#src/volumes/volume-service.ts'
import { HOST_NAME, openLabSession, volumeService } from './cinder-project.ts'
import { type Lab, openstackLab } from './cloud.ts'

const USER = 'demo'
const CONNECTOR = {
  host: HOST_NAME,
  ip: '127.0.0.1',
  initiator: 'iqn.1993-08.org.debian:01:demo',
  multipath: false,
  platform: 'x86_64',
  os_type: 'linux',
}

/** As one whose reply gets lost after the first request of this method to this path was carried out. */
function lossy(client: ServiceClient, method: string, path: RegExp): ServiceClient & { lost: number; sent: number } {
  const lossyClient = {
    serviceType: client.serviceType,
    lost: 0,
    sent: 0,
    endpoint: (signal?: AbortSignal) => client.endpoint(signal),
    version: (signal?: AbortSignal) => client.version(signal),
    send: async (request: Parameters<ServiceClient['send']>[0]) => {
      const reply = await client.send(request)
      if (request.method !== method || !path.test(request.path)) return reply
      lossyClient.sent++
      if (lossyClient.lost++ > 0) return reply
      throw new HoldfastError('unavailable', 'reply-lost', 'the test lost it')
    },
  }
  return lossyClient
}

const refusal = async (work: Promise<unknown>): Promise<HoldfastError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  return error
}

/** Somebody's own volumes at a real Cinder; no administrator. */
describe('volumes of a real Cinder', { timeout: 300_000 }, () => {
  let lab: Lab
  let session: CloudSession
  let service: CinderVolumeService
  const made: string[] = []

  before(async () => {
    lab = await openstackLab()
    session = openLabSession(lab, USER)
    service = volumeService(session)
  })
  afterEach(async () => await Promise.all(made.splice(0).map(tidy)))
  after(async () => {
    await session?.close()
    await lab?.stop()
  })

  async function tidy(id: string): Promise<void> {
    if (!(await service.settled(id))) return
    for (const attachment of await service.attachmentGetAll({ volumeId: id })) {
      await service.attachmentDelete(attachment.id)
    }
    await service.delete(id)
    await service.settled(id)
  }

  async function create(request: CreateVolume, by = service): Promise<Volume> {
    const { id } = await by.create({ size: 1, name: `holdfast-${randomUUID().slice(0, 8)}`, ...request })
    made.push(id)
    const volume = await service.settled(id)
    assert.ok(volume)
    return volume
  }

  async function attach(id: string): Promise<string> {
    const attachment = await service.attachmentCreate({ volumeId: id, instanceId: randomUUID() })
    await service.attachmentUpdate(attachment.id, CONNECTOR, '/dev/vdb')
    await service.attachmentComplete(attachment.id)
    return attachment.id
  }

  it('on Ceph are handed out as images, encrypted ones with all that is needed to decrypt them', async () => {
    const { id, encrypted } = await create({ volumeType: 'ceph-luks' })
    assert.equal(encrypted, true)
    const { keyId, ...spec } = (await service.getVolumeEncryptionMetadata(id)) ?? {}
    assert.match(keyId ?? '', /^[0-9a-f-]{36}$/)
    const expected = { provider: 'luks', cipher: 'aes-xts-plain64', keySize: 256, controlLocation: 'front-end' }
    assert.deepEqual(spec, expected)
    const { connectionInfo: info } = await service.attachmentGet(await attach(id))
    assert.ok(info?.driver_volume_type === 'rbd')
    assert.deepEqual([info.data.name, info.data.encrypted, info.host], [`volumes/volume-${id}`, true, HOST_NAME])
  })

  it('on Ceph of pools that are not configured are refused, and given back', async () => {
    const { id } = await create({ volumeType: 'ceph' })
    const strict = volumeService(session, { rbdPools: ['elsewhere'] })
    const request = { volumeId: id, instanceId: randomUUID(), connector: CONNECTOR }
    assert.equal((await refusal(strict.attachmentCreate(request))).code, 'connection-info-unsafe')
    assert.equal((await service.get(id)).status, 'available')
  })

  it('that are attached are let go of by a service alone', async () => {
    const { id } = await create({})
    const attachment = await attach(id)
    const alone = openLabSession(lab, USER, { service: false })
    try {
      const error = await refusal(volumeService(alone).attachmentDelete(attachment))
      assert.deepEqual([error.kind, error.code], ['conflict', 'service-token-missing'])
      assert.match(error.details.requestId ?? '', /^req-/)
    } finally {
      await alone.close()
    }
    assert.equal(await service.attachmentDelete(attachment), 'made')
    assert.equal(await service.attachmentDelete(attachment), 'already')
  })

  it('that could not be made say why, in Cinder words', async () => {
    const { id, status } = await create({ volumeType: 'nobackend' })
    assert.equal(status, 'error')
    assert.match((await service.userMessages(id)).join(), /Could not find any available weighted backend/)
    const error = await refusal(service.attachmentCreate({ volumeId: id, instanceId: randomUUID() }))
    assert.deepEqual([error.kind, error.code], ['wrong-state', 'invalid-volume'])
    assert.match(error.message, /'error'.*'available'.*weighted backend/)
  })

  it('whose backend fails stay reserved, and are tried more than once', async () => {
    const { id } = await create({ metadata: { lab_fail: 'attach' } })
    const attachment = await service.attachmentCreate({ volumeId: id, instanceId: randomUUID() })
    const error = await refusal(service.attachmentUpdate(attachment.id, CONNECTOR))
    assert.equal(error.code, 'volume-service-unavailable')
    assert.match(`${error.message} ${error.details.left}`, /lab_fail asked for a failure.*reserved/)
    assert.equal((await service.get(id)).status, 'reserved')
  })

  it('that are refused for want of what the host says of itself are refused at once', async () => {
    const { id } = await create({})
    const { initiator: _none, ...less } = CONNECTOR
    const error = await refusal(service.attachmentCreate({ volumeId: id, instanceId: randomUUID(), connector: less }))
    assert.equal(error.code, 'invalid-input')
    assert.match(`${error.message} ${error.details.hint}`, /initiator.*initiatorname\.iscsi/)
    assert.equal((await service.get(id)).status, 'available')
  })

  it('are made once and attached once, though the reply gets lost', async () => {
    const client = session.client('block-storage')
    const losing = lossy(client, 'POST', /^volumes$/)
    const volume = await create({}, volumeService(session, { client: losing }))
    assert.equal(losing.sent, 1)
    const { name } = volume
    assert.deepEqual(
      (await service.getAll({ name: name ?? '' })).map(({ id }) => id),
      [volume.id],
    )
    assert.deepEqual(volume.metadata, {})

    const attaching = lossy(client, 'POST', /^attachments$/)
    const request = { volumeId: volume.id, instanceId: randomUUID() }
    const { id } = await volumeService(session, { client: attaching }).attachmentCreate(request)
    assert.deepEqual(
      (await service.attachmentGetAll({ volumeId: volume.id })).map(each => each.id),
      [id],
    )
    const deleting = lossy(client, 'DELETE', /^attachments\//)
    assert.equal(await volumeService(session, { client: deleting }).attachmentDelete(id), 'made')
    assert.deepEqual([attaching.sent, deleting.sent], [1, 1])

    const snapping = lossy(client, 'POST', /^snapshots$/)
    const snapshot = await volumeService(session, { client: snapping }).createSnapshot(volume.id, {})
    await service.snapshotSettled(snapshot.id)
    const own = (await service.getAllSnapshots()).filter(each => each.volumeId === volume.id)
    assert.deepEqual([own.length, snapping.sent], [1, 1])
    await service.deleteSnapshot(snapshot.id)
    await service.snapshotSettled(snapshot.id)
  })

  it('are listed over pages, however small', async () => {
    const volumes = await Promise.all([1, 2, 3].map(() => create({})))
    for (const { id } of volumes) await service.attachmentCreate({ volumeId: id, instanceId: randomUUID() })
    const client = session.client('block-storage')
    const wanted = volumes.map(({ id }) => id)
    for (const pageSize of [1, 2]) {
      const listed = (await allVolumes(client, { pageSize })).map(({ id }) => id)
      assert.deepEqual(
        wanted.filter(id => !listed.includes(id)),
        [],
      )
      assert.equal(new Set(listed).size, listed.length)
      const attached = (await allAttachments(client, { pageSize })).map(({ volumeId }) => volumeId)
      assert.deepEqual(
        wanted.filter(id => !attached.includes(id)),
        [],
      )
    }
  })

  it('go by the older verbs where that is wanted', async () => {
    const older = volumeService(session, { attachments: 'legacy' })
    const { id } = await create({ volumeType: 'ceph' })
    const instanceId = randomUUID()
    assert.equal(await older.generation(), 'legacy')
    await older.reserveVolume(id)
    const info = await older.initializeConnection(id, CONNECTOR)
    assert.deepEqual([info.driver_volume_type, info.attachment_id], ['rbd', undefined])
    await older.attach(id, { instanceId, mountpoint: '/dev/vdb', mode: 'rw' })
    await older.beginDetaching(id)
    await older.terminateConnection(id, CONNECTOR)
    await older.detach(id, { instanceId })
    assert.equal((await older.get(id)).status, 'available')
  })
})
