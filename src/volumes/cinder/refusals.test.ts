import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '#src/core/error.ts'
import { type Answer, recorded } from '#src/openstack/cinder/testing/scripted-client.ts'
import type { ServiceRequest } from '#src/openstack/service-client.ts'
import type { CinderVolumeService } from './cinder-volume-service.ts'
import { ATTACHMENT, bench, CONNECTOR, INSTANCE, SNAPSHOT, VOLUME } from './testing/bench.ts'

type Work = (service: CinderVolumeService) => Promise<unknown>

const volume = (more: object = {}) => ({
  status: 200,
  body: { volume: { ...recorded('volume-show-3.70').body.volume, ...more } },
})
const attachment = (status: string) => ({
  status: 200,
  body: { attachment: { ...recorded('attachment-create').body.attachment, id: ATTACHMENT, status } },
})
const snapshot = { status: 200, body: recorded('snapshot-show').body }

/** Everything that is looked up is there; what changes something is answered so. */
const answering =
  (answer: Answer, looks: Partial<Record<'volume' | 'attachment', Answer>> = {}) =>
  ({ method, path }: ServiceRequest): Answer => {
    if (method !== 'GET') return answer
    if (path === 'types') return { status: 200, body: recorded('types-list').body }
    if (path === 'messages') return { status: 200, body: { messages: [] } }
    if (path === 'snapshots/detail') return { status: 200, body: { snapshots: [] } }
    if (path === 'attachments') return { status: 200, body: { attachments: [] } }
    if (path.startsWith('attachments/')) return looks.attachment ?? attachment('reserved')
    if (path.startsWith('snapshots/')) return snapshot
    return looks.volume ?? volume()
  }

const refusal = async (work: Promise<unknown>): Promise<HoldfastError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  return error
}

const attaching = volume({ status: 'attaching' })
const attached = volume({
  status: 'in-use',
  attachments: [{ attachment_id: ATTACHMENT, server_id: INSTANCE, device: '/dev/vdb' }],
})

/** Every verb that changes something, with what its looks find. */
const VERBS: Readonly<
  Record<string, readonly [work: Work, notFound: string, looks?: Parameters<typeof answering>[1]]>
> = {
  create: [s => s.create({ size: 1 }), 'not-found'],
  delete: [s => s.delete(VOLUME), 'volume-not-found'],
  extend: [s => s.extend(VOLUME, 9), 'volume-not-found'],
  reserveVolume: [s => s.reserveVolume(VOLUME), 'volume-not-found'],
  unreserveVolume: [s => s.unreserveVolume(VOLUME), 'volume-not-found', { volume: attaching }],
  beginDetaching: [s => s.beginDetaching(VOLUME), 'volume-not-found'],
  rollDetaching: [s => s.rollDetaching(VOLUME), 'volume-not-found'],
  initializeConnection: [s => s.initializeConnection(VOLUME, CONNECTOR), 'volume-not-found', { volume: attaching }],
  terminateConnection: [s => s.terminateConnection(VOLUME, CONNECTOR), 'volume-not-found'],
  attach: [
    s => s.attach(VOLUME, { instanceId: INSTANCE, mountpoint: '/dev/vdb', mode: 'rw' }),
    'volume-not-found',
    { volume: attaching },
  ],
  attachmentCreate: [s => s.attachmentCreate({ volumeId: VOLUME, instanceId: INSTANCE }), 'volume-not-found'],
  attachmentUpdate: [s => s.attachmentUpdate(ATTACHMENT, CONNECTOR), 'attachment-not-found'],
  attachmentComplete: [
    s => s.attachmentComplete(ATTACHMENT),
    'attachment-not-found',
    { attachment: attachment('attaching') },
  ],
  createSnapshot: [s => s.createSnapshot(VOLUME, {}), 'volume-not-found'],
  deleteSnapshot: [s => s.deleteSnapshot(SNAPSHOT), 'snapshot-not-found'],
  reimageVolume: [s => s.reimageVolume(VOLUME, { imageId: INSTANCE, reimageReserved: false }), 'volume-not-found'],
}

const STATUSES: readonly (readonly [answer: string | Answer, kind: string, code: string])[] = [
  ['cinder-err-forbidden-services', 'forbidden', 'forbidden'],
  ['err-over-quota-gigabytes', 'quota', 'over-quota'],
  ['attachment-delete-without-service-token', 'conflict', 'service-token-missing'],
  ['attachment-delete-service-token-no-role', 'forbidden', 'forbidden'],
  ['cinder-err-microversion-too-high', 'unsupported', 'microversion-unsupported'],
  [{ status: 409, body: { conflictingRequest: { message: 'busy' } } }, 'conflict', 'conflict'],
  [{ status: 400, body: { badRequest: { message: 'no such thing' } } }, 'invalid-input', 'invalid-input'],
  [{ status: 429, body: '' }, 'unavailable', 'volume-service-unavailable'],
  [{ status: 500, body: { computeFault: { message: 'oh' } } }, 'unavailable', 'volume-service-unavailable'],
]

describe("Cinder's refusals", () => {
  for (const [name, [work, notFound, looks]] of Object.entries(VERBS)) {
    for (const [answer, kind, code] of STATUSES) {
      const given = typeof answer === 'string' ? recorded(answer) : answer
      it(`of ${name} with ${given.status} are '${code}', with the words and the id of the request`, async () => {
        const { service, client } = bench(answering(given, looks))
        const error = await refusal(work(service))
        assert.deepEqual([error.kind, error.code], [kind, code], error.message)
        assert.match(error.details.requestId ?? '', /^req-\d+$/)
        assert.match(error.details.command ?? '', /^(POST|PUT|DELETE) /)
        const own = Object.values((given.body || {}) as Record<string, { message?: string }>)[0]?.message
        assert.ok(error.message.includes((own ?? '').slice(0, 60)), error.message)
        assert.ok(client.sent.length < 20)
      })
    }

    it(`of ${name} with 404 are '${notFound}'`, async () => {
      const body = { itemNotFound: { code: 404, message: 'Volume x could not be found.' } }
      const { service } = bench(answering({ status: 404, body }, looks))
      assert.equal((await refusal(work(service))).code, notFound)
    })
  }

  it('with a 404 that is not in its own words say nothing about volumes: a proxy, a route that is not there', async () => {
    for (const body of [
      '<html><h1>404 Not Found</h1> it could not be found</html>',
      '',
      { message: 'The resource could not be found.' },
    ]) {
      const { service } = bench(answering({ status: 404, body }))
      for (const work of [
        service.beginDetaching(VOLUME),
        service.attachmentDelete(ATTACHMENT),
        service.delete(VOLUME),
      ]) {
        assert.equal((await refusal(work)).code, 'volume-service-unavailable')
      }
    }
  })

  it('of creation say what it is that was not found', async () => {
    const missing = (message: string) => bench(answering({ status: 404, body: { itemNotFound: { message } } })).service
    const type = missing('Volume type with name nope could not be found.').create({ size: 1, volumeType: 'nope' })
    assert.equal((await refusal(type)).code, 'volume-type-not-found')
    const from = missing('Snapshot x could not be found.').create({ snapshotId: SNAPSHOT })
    assert.equal((await refusal(from)).code, 'snapshot-not-found')
    const clone = missing('Volume x could not be found.').create({ sourceVolumeId: VOLUME })
    assert.equal((await refusal(clone)).code, 'volume-not-found')
    const { service } = bench(answering(recorded('luks-create-without-creator-role')))
    assert.deepEqual((({ kind, code }) => [kind, code])(await refusal(service.create({ size: 1 }))), [
      'forbidden',
      'key-forbidden',
    ])
  })

  it('for the state of a volume name it, those that allow it, who has it, and what Cinder said before', async () => {
    for (const [name, work, allowed] of [
      ['legacy-reserve-again', (s: CinderVolumeService) => s.reserveVolume(VOLUME), 'available'],
      ['legacy-begin-detaching-available', (s: CinderVolumeService) => s.beginDetaching(VOLUME), 'in-use'],
      ['volume-delete-in-use', (s: CinderVolumeService) => s.delete(VOLUME), 'available'],
      ['attachment-create-second', VERBS.attachmentCreate?.[0] as Work, 'available'],
    ] as const) {
      const looks = { volume: volume({ status: 'error_extending' }) }
      const messages = { status: 200, body: recorded('messages-list').body }
      const answers = answering(recorded(name), looks)
      const { service } = bench(request => (request.path === 'messages' ? messages : answers(request)))
      const { kind, code, message } = await refusal(work(service))
      assert.deepEqual([kind, code], ['wrong-state', 'invalid-volume'])
      if (name !== 'volume-delete-in-use')
        assert.match(message, new RegExp(`'error_extending'.*'${allowed}'.*Invalid volume`))
    }
    const { service } = bench(answering(recorded('volume-delete-in-use'), { volume: attached }))
    assert.match((await refusal(service.delete(VOLUME))).message, new RegExp(`'in-use' \\(attached to ${INSTANCE}\\)`))
  })

  it('of connections are what they mean, not 500', async () => {
    const bad = bench(answering(recorded('attachment-update-bad-connector')))
    const error = await refusal(bad.service.attachmentUpdate(ATTACHMENT, CONNECTOR))
    assert.deepEqual([error.kind, error.code], ['invalid-input', 'invalid-input'])
    assert.match(`${error.message} ${error.details.hint}`, /initiator.*initiatorname\.iscsi/)
    assert.equal(bad.client.sent.filter(({ method }) => method === 'PUT').length, 1)

    const failed = bench(answering(recorded('attachment-update-driver-failure')))
    const failure = await refusal(failed.service.attachmentUpdate(ATTACHMENT, CONNECTOR))
    assert.equal(failure.code, 'volume-service-unavailable')
    assert.match(failure.details.left ?? '', /reserved/)
    assert.equal(failed.client.sent.filter(({ method }) => method === 'PUT').length, 5)
    assert.ok(failed.clock.slept.every((ms, index) => ms > 0 && ms >= (failed.clock.slept[index - 1] ?? 0)))
  })

  it('say how to be allowed to detach', async () => {
    const { service } = bench(answering(recorded('attachment-delete-without-service-token')))
    const error = await refusal(service.attachmentDelete(ATTACHMENT))
    assert.match(error.details.hint ?? '', /service_user/)
  })
})

describe('before anything is asked', () => {
  const silent = () => bench(() => assert.fail('nothing is to be asked'))

  it('what is no id is nothing that is there', async () => {
    const { service } = silent()
    for (const id of ['', '..', 'a/b', VOLUME.toUpperCase()]) {
      assert.equal((await refusal(service.get(id))).code, 'volume-not-found')
      assert.equal((await refusal(service.attachmentGet(id))).code, 'attachment-not-found')
      assert.equal((await refusal(service.getSnapshot(id))).code, 'snapshot-not-found')
      assert.equal(await service.attachmentDelete(id), 'already')
      assert.deepEqual(await service.attachmentGetAll({ volumeId: id }), [])
    }
  })

  it('connectors of nobody and of others are refused', async () => {
    const { service } = silent()
    for (const [connector, code] of [
      [{}, 'invalid-input'],
      [{ ...CONNECTOR, host: '' }, 'invalid-input'],
      [{ ...CONNECTOR, host: 'elsewhere' }, 'wrong-host'],
    ] as const) {
      const given = connector as typeof CONNECTOR
      assert.equal((await refusal(service.attachmentUpdate(ATTACHMENT, given))).code, code)
      assert.equal((await refusal(service.initializeConnection(VOLUME, given))).code, code)
      const request = { volumeId: VOLUME, instanceId: INSTANCE, connector: given }
      assert.equal((await refusal(service.attachmentCreate(request))).code, code)
    }
  })

  it('files are no images, and no type is not one without a name', async () => {
    const { service } = silent()
    assert.equal((await refusal(service.create({ size: 1, imageFile: '/a' }))).code, 'image-file-unsupported')
    assert.equal((await refusal(service.create({ size: 1, volumeType: '' }))).code, 'volume-type-not-found')
    const reimage = service.reimageVolume(VOLUME, { imageFile: '/a', reimageReserved: false })
    assert.match((await refusal(reimage)).details.hint ?? '', /image create/)
  })
})
