import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { type Answer, type Answers, recorded } from '#src/openstack/cinder/testing/scripted-client.ts'
import { ATTACHMENT, bench, CONNECTOR, HOST_NAME, INSTANCE, VOLUME } from './testing/bench.ts'

const volume = (more: object = {}): Answer => ({
  status: 200,
  body: { volume: { ...recorded('volume-show-3.70').body.volume, ...more } },
})
const ceph = recorded('ceph-attachment-create').body.attachment
const info = { ...(ceph?.connection_info as object), name: `volumes/volume-${VOLUME}`, volume_id: VOLUME }
const attachment = (status: string, connection: object = {}): Answer => ({
  status: 200,
  body: { attachment: { ...ceph, id: ATTACHMENT, volume_id: VOLUME, status, connection_info: connection } },
})
const GONE: Answer = { status: 404, body: { itemNotFound: { code: 404, message: 'Volume 1 could not be found.' } } }

/** By method and path; the last of a list stays. */
function script(rules: Readonly<Record<string, Answer | readonly Answer[]>>): Answers {
  const left = new Map(Object.entries(rules).map(([rule, answer]) => [rule, [answer].flat() as Answer[]]))
  return ({ method, path }) => {
    const answers = left.get(`${method} ${path}`)
    const [answer] = answers ?? []
    assert.ok(answer, `${method} ${path} is not expected`)
    if (answers && answers.length > 1) answers.shift()
    return answer
  }
}

const SHOW = `GET volumes/${VOLUME}`
const OWN = `GET attachments/${ATTACHMENT}`
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  return error.code
}

describe('microversions', () => {
  it('are the newest that the service has, within the ceiling', async () => {
    for (const [maximum, ceiling, expected] of [
      ['3.71', undefined, '3.69'],
      ['3.69', undefined, '3.69'],
      ['3.68', undefined, '3.48'],
      ['3.47', undefined, undefined],
      ['3.71', '3.50', '3.48'],
      ['3.71', '3.9', undefined],
      ['', undefined, undefined],
    ] as const) {
      const { service, client } = bench(script({ [SHOW]: volume() }), { microversionCeiling: ceiling })
      client.versions = { id: 'v3.0', minimum: maximum && '3.0', maximum }
      await service.get(VOLUME)
      assert.equal(client.sent[0]?.microversion, expected, `${maximum} ${ceiling}`)
    }
  })

  it('are not those that the service has given up', async () => {
    const { service, client } = bench(script({ [SHOW]: volume() }))
    client.versions = { id: 'v3.0', minimum: '3.50', maximum: '3.90' }
    await service.get(VOLUME)
    assert.equal(client.sent[0]?.microversion, '3.69')
    assert.equal(await service.generation(), 'legacy')
  })

  it('decide by which verbs volumes are attached, unless that is configured', async () => {
    assert.equal(await bench(script({})).service.generation(), 'attachments')
    assert.equal(await bench(script({}), { microversionCeiling: '3.43' }).service.generation(), 'legacy')
    assert.equal(await bench(script({}), { attachments: 'legacy' }).service.generation(), 'legacy')
  })

  it('are needed to write an image over a volume', async () => {
    const action = `POST volumes/${VOLUME}/action`
    const { service, client } = bench(script({ [action]: { status: 202 } }))
    const reimage = () => service.reimageVolume(VOLUME, { imageId: INSTANCE, reimageReserved: true })
    await reimage()
    assert.deepEqual([client.sent[0]?.microversion, client.sent.length], ['3.68', 1])
    client.versions = { id: 'v3.0', minimum: '3.0', maximum: '3.67' }
    assert.equal(await codeOf(reimage()), 'microversion-unsupported')
  })
})

describe('deadlines', () => {
  it('are longer where the backend works before the reply comes, and as configured', async () => {
    const answers = () =>
      script({
        [SHOW]: volume(),
        [OWN]: attachment('reserved'),
        [`PUT attachments/${ATTACHMENT}`]: attachment('reserved', info),
        'POST attachments': attachment('reserved'),
        [`DELETE attachments/${ATTACHMENT}`]: { status: 200 },
      })
    for (const [options, query, backend] of [
      [{}, 60_000, 180_000],
      [{ queryDeadlineMs: 5, attachmentDeadlineMs: 7 }, 5, 7],
    ] as const) {
      const { service, client } = bench(answers(), options)
      await service.attachmentCreate({ volumeId: VOLUME, instanceId: INSTANCE })
      await service.attachmentUpdate(ATTACHMENT, CONNECTOR)
      await service.attachmentDelete(ATTACHMENT)
      for (const { method, deadlineMs } of client.sent) assert.equal(deadlineMs, method === 'GET' ? query : backend)
    }
  })
})

describe('views', () => {
  it('are those of the facade, with statuses as they were sent', async () => {
    const status = 'restoring-something-new'
    const more = {
      status,
      metadata: { a: 'b', 'holdfast:request': 'x' },
      volume_image_metadata: { os: 'y' },
      name: null,
    }
    const { service } = bench(script({ [SHOW]: volume({ ...more, availability_zone: null, migration_status: null }) }))
    assert.deepEqual(await service.get(VOLUME), {
      id: VOLUME,
      name: null,
      description: 'first',
      status,
      size: 1,
      availabilityZone: '',
      volumeType: 'lab',
      encrypted: false,
      bootable: false,
      multiattach: false,
      snapshotId: null,
      sourceVolumeId: null,
      metadata: { a: 'b' },
      attachments: [],
      attachStatus: 'detached',
      createdAt: '2026-11-22T11:57:53.000000',
      imageMetadata: { os: 'y' },
      sharedTargets: true,
      serviceUuid: 'f03dcc04-e15b-4f34-8b19-cc704db594d7',
      migrationStatus: null,
    })
  })

  it('keep two attachments of one server apart', async () => {
    const attachments = [1, 2].map(each => ({ attachment_id: `a-${each}`, server_id: INSTANCE, device: null }))
    const { service } = bench(script({ [SHOW]: volume({ attachments }) }))
    const shown = await service.get(VOLUME)
    assert.deepEqual(
      shown.attachments.map(({ attachmentId }) => attachmentId),
      ['a-1', 'a-2'],
    )
    assert.deepEqual([shown.attachStatus, shown.attachments[0]?.device], ['attached', ''])
  })
})

describe('waiting for Cinder', () => {
  it('looks less and less often until the volume is at rest', async () => {
    const busy = ['creating', 'downloading', 'creating', 'creating'].map(status => volume({ status }))
    const { service, clock } = bench(script({ [SHOW]: [...busy, volume({ status: 'error' })] }))
    assert.equal((await service.settled(VOLUME))?.status, 'error')
    assert.deepEqual(clock.slept, [250, 375, 562.5, 843.75])
  })

  it('ends when the volume is gone, or the caller', async () => {
    const { service } = bench(script({ [SHOW]: [volume({ status: 'deleting' }), GONE] }))
    assert.equal(await service.settled(VOLUME), undefined)
    const stop = AbortSignal.abort(new Error('enough'))
    const other = bench(script({ [SHOW]: volume({ status: 'creating' }) }))
    await assert.rejects(other.service.settled(VOLUME, stop), /enough/)
  })
})

describe('messages', () => {
  it('tell why a volume could not be made', async () => {
    const failed = 'b3c9a393-29b0-4cec-8bc0-cde03f934704'
    const { service, client } = bench(script({ 'GET messages': { status: 200, body: recorded('messages-list').body } }))
    const [message, ...others] = await service.userMessages(failed)
    assert.match(message ?? '', /Could not find any available weighted backend/)
    assert.deepEqual(others, [])
    assert.deepEqual([client.sent[0]?.microversion, client.sent[0]?.query?.resource_uuid], ['3.5', failed])
  })

  it('are none where the service has none or may not tell', async () => {
    const old = bench(script({}), { microversionCeiling: '3.4' })
    assert.deepEqual(await old.service.userMessages(VOLUME), [])
    const { service } = bench(script({ 'GET messages': recorded('cinder-err-forbidden-services') }))
    assert.deepEqual(await service.userMessages(VOLUME), [])
  })
})

describe('attaching', () => {
  const PUT = `PUT attachments/${ATTACHMENT}`

  it('tells Cinder of this host, and gives what it handed out', async () => {
    const rules = {
      [SHOW]: volume({ encrypted: true }),
      [OWN]: attachment('reserved'),
      [PUT]: attachment('reserved', info),
    }
    const { service, client } = bench(script(rules))
    const updated = await service.attachmentUpdate(ATTACHMENT, CONNECTOR, '/dev/vdc')
    assert.deepEqual([updated.status, updated.connectionInfo?.data.encrypted], ['attaching', true])
    const sent = client.sent.find(({ method }) => method === 'PUT')
    assert.deepEqual(sent?.json, { attachment: { connector: { ...CONNECTOR, mountpoint: '/dev/vdc' } } })
    assert.equal(sent?.microversion, '3.44')
  })

  it('of what is attached already leaves it attached, which Cinder would not', async () => {
    const rules = {
      [SHOW]: volume({ status: 'in-use' }),
      [OWN]: attachment('attached', info),
      [PUT]: attachment('attached', info),
      [`POST attachments/${ATTACHMENT}/action`]: { status: 204 },
    }
    const { service, client } = bench(script(rules))
    assert.equal((await service.attachmentUpdate(ATTACHMENT, CONNECTOR)).status, 'attached')
    assert.deepEqual(client.sent.at(-1)?.json, { 'os-complete': null })
  })

  it('of what is attached leaves it attached also if what was handed out cannot be used', async () => {
    const foreign = attachment('attached', { ...info, name: 'volumes/foreign' })
    const rules = { [SHOW]: volume({ status: 'in-use' }), [OWN]: attachment('attached', info), [PUT]: foreign }
    const complete = { [`POST attachments/${ATTACHMENT}/action`]: { status: 204 } }
    const { service, client } = bench(script({ ...rules, ...complete }))
    assert.equal(await codeOf(service.attachmentUpdate(ATTACHMENT, CONNECTOR)), 'connection-info-unsafe')
    assert.deepEqual(client.sent.at(-1)?.json, { 'os-complete': null })
  })

  it('with a connector gives back what cannot be connected, and keeps the first failure', async () => {
    for (const [answer, code] of [
      [attachment('reserved', { ...info, name: 'volumes/foreign' }), 'connection-info-unsafe'],
      [attachment('reserved', { ...info, driver_volume_type: 'fibre_channel' }), 'connection-info-unsupported'],
      [recorded('attachment-update-bad-connector'), 'invalid-input'],
    ] as const) {
      const DELETE = `DELETE attachments/${ATTACHMENT}`
      const rules = {
        [SHOW]: volume(),
        [OWN]: attachment('reserved'),
        [PUT]: answer,
        'POST attachments': attachment('reserved'),
      }
      const request = { volumeId: VOLUME, instanceId: INSTANCE, connector: CONNECTOR }
      const { service, client } = bench(script({ ...rules, [DELETE]: { status: 200 } }))
      assert.equal(await codeOf(service.attachmentCreate(request)), code)
      assert.equal(client.sent.at(-1)?.method, 'DELETE')

      const stuck = bench(script({ ...rules, [DELETE]: recorded('attachment-delete-without-service-token') }))
      await assert.rejects(stuck.service.attachmentCreate(request), (error: HoldfastError) => {
        assert.deepEqual([error.code, error.also.length], [code, 1])
        assert.match(error.details.left ?? '', new RegExp(ATTACHMENT))
        return true
      })
    }
  })

  it('is not asked of Cinder for what was never connected, and nothing is done twice', async () => {
    const early = bench(script({ [OWN]: attachment('reserved') }))
    assert.equal(await codeOf(early.service.attachmentComplete(ATTACHMENT)), 'invalid-attachment')
    const over = bench(script({ [OWN]: attachment('attached', info) }))
    await over.service.attachmentComplete(ATTACHMENT)
    assert.equal(over.client.sent.length, 1)
  })

  it('shows no connection info that could not be used here', async () => {
    const get = async (connection: object, more: object = {}) => {
      const { service } = bench(script({ [OWN]: attachment('attached', connection), [SHOW]: volume(more) }))
      return (await service.attachmentGet(ATTACHMENT)).connectionInfo
    }
    const at = (host_name: string) => ({ attachments: [{ attachment_id: ATTACHMENT, server_id: INSTANCE, host_name }] })
    assert.equal((await get(info))?.driver_volume_type, 'rbd')
    assert.equal((await get(info, at(HOST_NAME)))?.host, HOST_NAME)
    assert.equal(await get(info, at('compute-2')), undefined)
    assert.equal(await get({ ...info, driver_volume_type: 'nfs' }), undefined)
    assert.equal(await get({ ...info, hosts: 7 }), undefined)
  })

  it('by the older verbs takes back what was exported and cannot be used', async () => {
    const action = `POST volumes/${VOLUME}/action`
    const foreign = { driver_volume_type: 'rbd', data: { ...info, name: 'volumes/foreign' } }
    for (const [answer, code, verbs] of [
      [{ status: 200, body: { connection_info: foreign } }, 'connection-info-unsafe', 2],
      [recorded('attachment-update-driver-failure'), 'volume-service-unavailable', 2],
      [{ status: 400, body: { badRequest: { message: 'Invalid input received: no' } } }, 'invalid-input', 1],
    ] as const) {
      const { service, client } = bench(
        script({ [SHOW]: volume({ status: 'attaching' }), [action]: [answer, { status: 202 }] }),
      )
      assert.equal(await codeOf(service.initializeConnection(VOLUME, CONNECTOR)), code)
      const sent = client.sent
        .filter(({ method }) => method === 'POST')
        .map(({ json }) => Object.keys(json as object)[0])
      assert.deepEqual(sent, ['os-initialize_connection', 'os-terminate_connection'].slice(0, verbs))
    }
  })
})

describe('types and encryption', () => {
  it('show encryption to those who may see it', async () => {
    const types = { status: 200, body: recorded('types-list').body }
    const answer =
      (encryption: Answer): Answers =>
      ({ path }) =>
        path === 'types' ? types : encryption
    const admin = bench(answer({ status: 200, body: recorded('type-encryption-admin').body }))
    assert.equal((await admin.service.getAllVolumeTypes())[0]?.encryption?.provider, 'luks')
    const member = bench(answer(recorded('cinder-err-forbidden-services')))
    const shown = await member.service.getAllVolumeTypes()
    assert.deepEqual([shown.length, shown[0]?.encryption, member.client.sent.length], [9, undefined, 2])
    assert.deepEqual(
      shown.map(({ name }) => name),
      shown.map(({ name }) => name).toSorted(),
    )
  })

  it('take back a type that could not be made encrypted', async () => {
    const id = '23a1c1e0-74a5-4167-bdb2-54d4faa828ce'
    const rules = {
      'POST types': { status: 200, body: { volume_type: { id, name: 't' } } },
      [`POST types/${id}/encryption`]: recorded('cinder-err-forbidden-services'),
      [`DELETE types/${id}`]: { status: 202 },
    }
    const { service, client } = bench(script(rules))
    assert.equal(await codeOf(service.createVolumeType({ name: 't', encryption: { provider: 'luks' } })), 'forbidden')
    assert.equal(client.sent.at(-1)?.method, 'DELETE')
  })

  it('say of a volume how it is encrypted, and never that an encrypted one is not', async () => {
    const ask = (name: string, encrypted: boolean) => {
      const rules = {
        [SHOW]: volume({ encrypted }),
        [`${SHOW}/encryption`]: { status: 200, body: recorded(name).body },
      }
      return bench(script(rules)).service.getVolumeEncryptionMetadata(VOLUME)
    }
    assert.equal((await ask('luks-volume-encryption', true))?.keyId, '93406d68-8ea3-466b-a319-31ebdde1146c')
    assert.equal(await ask('plain-volume-encryption', false), undefined)
    assert.equal(await codeOf(ask('plain-volume-encryption', true)), 'encryption-metadata-missing')
  })

  it('let a volume be attached more than once by its type alone', async () => {
    const rules = {
      'GET types': { status: 200, body: recorded('types-list').body },
      'POST volumes': recorded('volume-create'),
    }
    const { service, client } = bench(script(rules))
    await assert.rejects(service.create({ size: 1, multiattach: true }), (error: HoldfastError) => {
      assert.equal(error.code, 'multiattach-unsupported')
      assert.match(error.details.hint ?? '', /'multiattach' or 'ceph-multiattach'/)
      return true
    })
    await service.create({ size: 1, multiattach: true, volumeType: 'multiattach' })
    const sent = JSON.stringify(client.sent.at(-1)?.json)
    assert.match(sent, /"volume_type":"56cb858d-0baf-49fa-9d17-2e320c62524c"/)
    assert.doesNotMatch(sent, /"multiattach"/)
  })
})
