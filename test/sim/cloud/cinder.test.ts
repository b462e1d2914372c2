import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { VOLUME } from '#src/sim/cloud/places.ts'
import type { CloudSettings } from '#src/sim/cloud/state.ts'
import { World } from '#src/sim/world.ts'
import { clientOf, exchange, type PlainClient, type PlainReply, tokenOf } from './plain-client.ts'

const INSTANCE = '5e71e5a0-0000-4000-8000-000000000001'
const OTHER = '5e71e5a0-0000-4000-8000-000000000002'
const CONNECTOR = { host: 'compute-1', initiator: 'iqn.1993-08.org.debian:01:abc', mountpoint: '/dev/vdb' }
const V = { version: '3.44' }

let world: World
let cloud: SimCloud
let demo: PlainClient
let nova: string

async function open(settings: Partial<CloudSettings> = {}): Promise<void> {
  world = new World()
  cloud = new SimCloud(world, settings)
  demo = await clientOf(cloud, 'demo')
  nova = await tokenOf(cloud.transport(), 'nova', 'service-pw')
}

const refusal = ({ status, body }: PlainReply) => {
  const [kind, fault] = Object.entries(body)[0] as [string, { message: string }]
  return [status, kind, fault.message]
}

/** A volume that is `available`. */
async function volume(more: object = {}, client = demo): Promise<string> {
  const { status, body } = await client.volume('POST', 'volumes', { volume: { size: 1, ...more } })
  assert.deepEqual([status, body.volume.status], [202, 'creating'])
  await world.clock.sleep(1000)
  return body.volume.id
}

const statusOf = async (id: string) => (await demo.volume('GET', `volumes/${id}`)).body.volume.status

async function attach(volumeId: string, instanceId = INSTANCE, connector: object = CONNECTOR): Promise<string> {
  const request = { volume_uuid: volumeId, instance_uuid: instanceId }
  const { id } = (await demo.volume('POST', 'attachments', { attachment: request }, V)).body.attachment
  await demo.volume('PUT', `attachments/${id}`, { attachment: { connector } }, V)
  await demo.volume('POST', `attachments/${id}/action`, { 'os-complete': {} }, V)
  return id
}

describe('volumes of the simulated Cinder', () => {
  beforeEach(() => open())

  it('are made later, grow later, and are gone later', async () => {
    const { body } = await demo.volume('POST', 'volumes', { volume: { size: 1, volume_type: 'ceph' } })
    const { id } = body.volume
    assert.equal(await statusOf(id), 'creating')
    assert.equal(world.files.has(`rbd:volumes/volume-${id}`), false)
    await world.clock.sleep(1000)
    assert.equal(await statusOf(id), 'available')
    assert.equal(world.files.get(`rbd:volumes/volume-${id}`)?.sizeBytes, 2 ** 30)
    assert.equal((await demo.act(id, { 'os-extend': { new_size: 2 } })).status, 202)
    assert.equal(await statusOf(id), 'extending')
    await world.clock.sleep(1000)
    assert.equal(await statusOf(id), 'available')
    assert.equal(world.files.get(`rbd:volumes/volume-${id}`)?.sizeBytes, 2 ** 31)
    assert.equal((await demo.volume('DELETE', `volumes/${id}`)).status, 202)
    assert.equal(await statusOf(id), 'deleting')
    await world.clock.sleep(1000)
    assert.equal((await demo.volume('GET', `volumes/${id}`)).status, 404)
    assert.equal(world.files.has(`rbd:volumes/volume-${id}`), false)
  })

  it('that cannot be made end in error, with the reason among the messages', async () => {
    const id = await volume({ volume_type: 'lab-az2', availability_zone: 'nova' })
    assert.equal(await statusOf(id), 'error')
    const { body } = await demo.volume('GET', 'messages', undefined, { version: '3.5' })
    assert.deepEqual(
      [body.messages[0].resource_uuid, body.messages[0].user_message],
      [id, 'schedule allocate volume:Could not find any available weighted backend.'],
    )
  })

  it('are those of the own project only', async () => {
    const id = await volume()
    const alt = await clientOf(cloud, 'alt')
    assert.deepEqual(refusal(await alt.volume('GET', `volumes/${id}`)), [
      404,
      'itemNotFound',
      `Volume ${id} could not be found.`,
    ])
    assert.deepEqual((await alt.volume('GET', 'volumes')).body.volumes, [])
    const url = `${VOLUME}/v3/${demo.projectId}/volumes`
    const token = await tokenOf(cloud.transport(), 'alt', 'demo-pw')
    const wrong = await exchange(cloud.transport(), 'GET', url, undefined, { 'X-Auth-Token': token })
    assert.deepEqual(refusal(wrong), [400, 'badRequest', 'Malformed request url'])
  })

  it('are listed page by page', async () => {
    const ids = [await volume(), await volume(), await volume()]
    const found: string[] = []
    let path = 'volumes/detail?limit=2&sort=created_at:asc'
    for (;;) {
      const { body } = await demo.volume('GET', path)
      found.push(...body.volumes.map(({ id }: { id: string }) => id))
      if (!body.volumes_links) break
      path = new URL(body.volumes_links[0].href).href.split(`${demo.projectId}/`)[1] ?? ''
    }
    assert.deepEqual(found, ids)
  })

  it('count against the quota', async () => {
    const admin = await clientOf(cloud, 'admin')
    const quota = { quota_set: { volumes: 1, gigabytes: 3 } }
    assert.equal((await admin.volume('PUT', `os-quota-sets/${demo.projectId}`, quota)).status, 200)
    await volume({ size: 2 })
    const reply = await demo.volume('POST', 'volumes', { volume: { size: 2 } })
    assert.deepEqual(refusal(reply), [
      413,
      'overLimit',
      'VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 2G, quota is 3G and 2G has been consumed.',
    ])
    assert.equal(reply.headers['retry-after'], '0')
    assert.deepEqual(refusal(await demo.volume('POST', 'volumes', { volume: { size: 1 } })), [
      413,
      'overLimit',
      "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.",
    ])
  })

  it('of an encrypted type have a key at Barbican, and a header that it opens', async () => {
    const id = await volume({ volume_type: 'ceph-luks' })
    const { body } = await demo.volume('GET', `volumes/${id}/encryption`)
    const { encryption_key_id: keyId, ...rest } = body
    assert.deepEqual(rest, {
      control_location: 'front-end',
      cipher: 'aes-xts-plain64',
      key_size: 256,
      provider: 'luks',
    })
    assert.ok(world.files.get(`rbd:volumes/volume-${id}`)?.luks)
    assert.equal((await demo.key('GET', `secrets/${keyId}`)).body.bit_length, 256)
    await demo.volume('DELETE', `volumes/${id}`)
    await world.clock.sleep(1000)
    await demo.volume('GET', 'volumes')
    assert.equal((await demo.key('GET', `secrets/${keyId}`)).status, 404)
    const nokey = await clientOf(cloud, 'demo-nokey', 'demo')
    const refused = await nokey.volume('POST', 'volumes', { volume: { size: 1, volume_type: 'luks' } })
    assert.deepEqual(refusal(refused), [400, 'badRequest', 'Key manager error'])
  })

  it('keep a snapshot of Ceph that another was made from', async () => {
    const id = await volume({ volume_type: 'ceph' })
    const { body } = await demo.volume('POST', 'snapshots', { snapshot: { volume_id: id, name: 's' } })
    const { id: snapshotId } = body.snapshot
    await world.clock.sleep(1000)
    await volume({ snapshot_id: snapshotId })
    assert.equal((await demo.volume('DELETE', `snapshots/${snapshotId}`)).status, 202)
    await world.clock.sleep(1000)
    assert.equal((await demo.volume('GET', `snapshots/${snapshotId}`)).body.snapshot.status, 'available')
    assert.equal((await demo.volume('DELETE', `volumes/${id}`)).status, 400)
  })
})

describe('attachments of the simulated Cinder', () => {
  beforeEach(() => open())

  it('go the way of the real one, whose answer to an update is that of before it', async () => {
    const id = await volume({ volume_type: 'ceph' })
    const request = { attachment: { volume_uuid: id, instance_uuid: INSTANCE } }
    const { attachment } = (await demo.volume('POST', 'attachments', request, V)).body
    assert.deepEqual([attachment.status, attachment.attach_mode, await statusOf(id)], ['reserved', 'null', 'reserved'])
    const path = `attachments/${attachment.id}`
    const updated = await demo.volume('PUT', path, { attachment: { connector: CONNECTOR } }, V)
    const { connection_info, ...rest } = updated.body.attachment
    assert.deepEqual(rest, {
      id: attachment.id,
      status: 'reserved',
      instance: INSTANCE,
      volume_id: id,
      attached_at: '',
      detached_at: '',
      attach_mode: 'null',
    })
    assert.deepEqual(
      [connection_info.driver_volume_type, connection_info.name, connection_info.attachment_id],
      ['rbd', `volumes/volume-${id}`, attachment.id],
    )
    assert.equal((await demo.volume('GET', path, undefined, V)).body.attachment.status, 'attaching')
    const complete = await demo.volume('POST', `${path}/action`, { 'os-complete': {} }, V)
    assert.deepEqual([complete.status, await statusOf(id)], [204, 'in-use'])
    const { attachments } = (await demo.volume('GET', `volumes/${id}`)).body.volume
    assert.deepEqual([attachments.length, attachments[0].server_id, attachments[0].device], [1, INSTANCE, '/dev/vdb'])
  })

  it('are taken away by a service only, once an instance is connected', async () => {
    const id = await volume()
    const attachmentId = await attach(id)
    const remove = (service?: string) =>
      demo.volume('DELETE', `attachments/${attachmentId}`, undefined, { ...V, ...(service && { service }) })
    assert.deepEqual(refusal(await remove()), [
      409,
      'conflictingRequest',
      `ConflictNovaUsingAttachment: Detach volume from instance ${INSTANCE} using the Compute API`,
    ])
    assert.equal((await remove('bogus')).status, 401)
    assert.equal((await remove(await tokenOf(cloud.transport(), 'alt', 'demo-pw'))).status, 401)
    assert.equal(await statusOf(id), 'in-use')
    assert.deepEqual((await remove(nova)).body, { attachments: [] })
    assert.equal(await statusOf(id), 'available')
    assert.equal((await remove(nova)).status, 404)
  })

  it('are refused while the volume is taken, save for the same instance; two connections of it are one too many', async () => {
    const id = await volume()
    await attach(id)
    const create = (instance_uuid: string) =>
      demo.volume('POST', 'attachments', { attachment: { volume_uuid: id, instance_uuid } }, V)
    assert.deepEqual(refusal(await create(OTHER)), [
      400,
      'badRequest',
      `Invalid volume: Volume ${id} status must be available or downloading to reserve, but the current status is in-use.`,
    ])
    const second = (await create(INSTANCE)).body.attachment
    const early = await demo.volume('PUT', `attachments/${second.id}`, { attachment: { connector: CONNECTOR } }, V)
    assert.deepEqual(refusal(early), [
      500,
      'computeFault',
      `Unable to update attachment.(Invalid volume: duplicate connectors detected on volume ${id}).`,
    ])
  })

  it('of iSCSI need an initiator; a driver that fails leaves the volume reserved', async () => {
    const id = await volume({ metadata: { lab_fail: 'attach' } })
    const request = { attachment: { volume_uuid: id, instance_uuid: INSTANCE } }
    const { id: attachmentId } = (await demo.volume('POST', 'attachments', request, V)).body.attachment
    const update = (connector: object) =>
      demo.volume('PUT', `attachments/${attachmentId}`, { attachment: { connector } }, V)
    assert.match(String(refusal(await update({ host: 'compute-1' }))[2]), /required information: initiator\)\.$/)
    const failed = refusal(await update(CONNECTOR))
    assert.equal(failed[0], 500)
    assert.match(String(failed[2]), /^Unable to update attachment\.\(Bad or unexpected response from the storage/)
    assert.equal(await statusOf(id), 'reserved')
    const empty = await update({})
    assert.deepEqual(refusal(empty).slice(0, 2), [400, 'badRequest'])
  })

  it('exist from 3.27, their completion from 3.44', async () => {
    const id = await volume()
    const request = { attachment: { volume_uuid: id, instance_uuid: INSTANCE } }
    assert.equal((await demo.volume('POST', 'attachments', request, { version: '3.26' })).status, 404)
    const made = await demo.volume('POST', 'attachments', request, { version: '3.27' })
    const path = `attachments/${made.body.attachment.id}/action`
    assert.equal((await demo.volume('POST', path, { 'os-complete': {} }, { version: '3.27' })).status, 404)
  })
})

describe('the older verbs of the simulated Cinder', () => {
  beforeEach(() => open({ volumeApi: '3.26' }))

  it('walk through the states and back', async () => {
    const id = await volume()
    const steps: [object, string, string?][] = [
      [{ 'os-reserve': null }, 'attaching'],
      [{ 'os-unreserve': null }, 'available'],
      [{ 'os-reserve': {} }, 'attaching'],
      [{ 'os-attach': { instance_uuid: INSTANCE, mountpoint: '/dev/vdb', mode: 'rw' } }, 'in-use'],
      [{ 'os-begin_detaching': null }, 'detaching'],
      [{ 'os-roll_detaching': null }, 'in-use'],
      [{ 'os-begin_detaching': null }, 'detaching'],
      [{ 'os-terminate_connection': { connector: CONNECTOR } }, 'detaching'],
      [{ 'os-detach': { attachment_id: null } }, 'available'],
      [{ 'os-detach': {} }, 'available'],
    ]
    for (const [body, status] of steps) {
      assert.equal((await demo.act(id, body)).status, 202, JSON.stringify(body))
      assert.equal(await statusOf(id), status, JSON.stringify(body))
    }
    const { body } = await demo.act(id, { 'os-initialize_connection': { connector: CONNECTOR } })
    assert.equal(body.connection_info.driver_volume_type, 'iscsi')
  })

  it('refuse in the words of the real one', async () => {
    const id = await volume()
    assert.deepEqual(refusal(await demo.act(id, { 'os-begin_detaching': {} })), [
      400,
      'badRequest',
      "Invalid volume: Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
    ])
    await demo.act(id, { 'os-reserve': {} })
    assert.deepEqual(refusal(await demo.act(id, { 'os-reserve': {} })), [
      400,
      'badRequest',
      'Invalid volume: Volume status must be available to reserve, but the status is attaching.',
    ])
    assert.match(String(refusal(await demo.act(id, { 'os-dance': {} }))[2]), /^There is no such action: os-dance\./)
  })

  it('are all that there is below 3.27, and in version 2', async () => {
    const refused = refusal(await demo.volume('GET', 'attachments', undefined, { version: '3.27' }))
    assert.deepEqual(refused, [
      406,
      'computeFault',
      'Version 3.27 is not supported by the API. Minimum is 3.0 and maximum is 3.26.',
    ])
    await open({ volumeApi: undefined })
    const root = await exchange(cloud.transport(), 'GET', `${VOLUME}/`)
    assert.deepEqual([root.status, root.body.versions[0].id, root.body.versions[0].version], [300, 'v2.0', ''])
    assert.equal((await demo.volume('GET', 'volumes')).status, 404)
    const token = await tokenOf(cloud.transport(), 'demo', 'demo-pw')
    const url = `${VOLUME}/v2/${demo.projectId}/volumes`
    assert.equal((await exchange(cloud.transport(), 'GET', url, undefined, { 'X-Auth-Token': token })).status, 200)
  })
})
