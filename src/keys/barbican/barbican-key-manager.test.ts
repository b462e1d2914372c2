import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { systemRandom } from '#src/core/random.ts'
import type { Secret } from '#src/core/secret.ts'
import { FakeKeyManagerClient, unavailable } from '#src/openstack/barbican/testing/fake-client.ts'
import { FakeBarbican } from '#src/openstack/barbican/testing/fake-state.ts'
import { isServiceError } from '#src/openstack/service-client.ts'
import { BarbicanKeyManager, type BarbicanOptions } from './barbican-key-manager.ts'

const AES = { algorithm: 'aes', bitLength: 256 } as const
const VOLUME = 'd8cc1932-0677-4dc6-b0df-cce9f834d330'

describe('keys at Barbican', () => {
  let server: FakeBarbican
  let client: FakeKeyManagerClient
  let time: number
  const pauses: number[] = []
  beforeEach(() => {
    server = new FakeBarbican()
    client = new FakeKeyManagerClient(server)
    time = Date.parse('2026-11-23T06:00:00Z')
    pauses.length = 0
  })

  const sleep = async (ms: number) => {
    pauses.push(ms)
    time += ms
  }
  const host = { clock: { now: () => time, monotonic: () => time, sleep }, random: systemRandom }
  const open = (options?: BarbicanOptions, by = client) => new BarbicanKeyManager(host, by, options)
  const text = (secret: Secret) => Buffer.from(secret.reveal()).toString()
  const changed = async (facts: Record<string, unknown>, payload?: Uint8Array | null) => {
    const id = await open().create(AES)
    const stored = server.secrets.get(id)
    assert.ok(stored)
    Object.assign(stored.facts, facts)
    if (payload !== undefined) stored.payload = payload ?? undefined
    client.requests.length = 0
    return id
  }
  const refused = async (work: Promise<unknown>, code: string, pattern: RegExp) =>
    await assert.rejects(work, (error: HoldfastError) => {
      assert.equal(error.code, code, error.message)
      assert.match(error.message, pattern)
      return true
    })

  it('orders a key, waits ever longer until it is made, and deletes the order', async () => {
    server.orderLooks = 7
    const id = await open().create({ ...AES, name: 'volume-1' })
    assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 2000, 2000])
    assert.equal(server.orders.size, 0)
    assert.equal((await open().get(id)).bitLength, 256)
    assert.equal(server.secrets.get(id)?.facts.name, 'volume-1')
  })

  it('tells of an order that it may not delete, and gives the key', async () => {
    const left: HoldfastError[] = []
    client.fault = request => (request.method === 'DELETE' ? { status: 403, body: denied } : undefined)
    const id = await open({ onLeft: error => left.push(error) }).create(AES)
    assert.ok(server.secrets.has(id))
    assert.equal(left[0]?.code, 'key-order-left')
    assert.match(left[0]?.message ?? '', new RegExp(id))
  })

  it('tells why an order failed, and one that takes too long', async () => {
    server.orderLooks = 1000
    await refused(open({ orderDeadlineMs: 30_000 }).create(AES), 'key-order-slow', /still PENDING after 30 s/)
    assert.equal(server.secrets.size, 0)
    Object.assign(server, { orderLooks: 1, orderError: 'the module is gone' })
    await refused(open().create(AES), 'key-order-failed', /failed: the module is gone/)
  })

  it('stores a key made here in one request, which shows it nowhere else', async () => {
    const id = await open({ creation: 'direct' }).create(AES)
    assert.deepEqual(
      client.requests.map(request => `${request.method} ${request.path}`),
      ['POST v1/secrets'],
    )
    const stored = server.secrets.get(id)?.payload
    assert.deepEqual(Buffer.from((await open().get(id)).secret.reveal()), stored)
  })

  it('tells that a key may be left behind whose id never came', async () => {
    client.fault = () => {
      throw new HoldfastError('unavailable', 'reply-lost', 'connection to 127.0.0.1:9311 was cut', {
        details: { left: 'the server may have done what was asked' },
      })
    }
    for (const creation of ['order', 'direct'] as const) {
      await assert.rejects(open({ creation }).create({ ...AES, name: 'volume-1' }), (error: HoldfastError) => {
        assert.equal(error.code, 'key-manager-unavailable')
        assert.equal(error.details.left, "perhaps a key 'volume-1' that nobody knows of")
        return true
      })
    }
    await assert.rejects(
      open().list(),
      (error: HoldfastError) => error.details.left === 'the server may have done what was asked',
    )
  })

  it('speaks to an endpoint that is catalogued with its version', async () => {
    const versioned = new FakeKeyManagerClient(server, { endpoint: 'http://keys.example/v1' })
    const id = await open({ creation: 'direct' }, versioned).create(AES)
    assert.equal((await open({}, versioned).get(id)).id, id)
    assert.ok(versioned.requests.every(request => !request.path.startsWith('v1')))
  })

  it('gives a text payload as its bytes, whatever length its client noted', async () => {
    const facts = { content_types: { default: 'text/plain' }, secret_type: 'passphrase', algorithm: null }
    const id = await changed({ ...facts, bit_length: 256 }, Buffer.from('püss'))
    const { secret, ...key } = await open().get(id)
    assert.deepEqual([text(secret), key], ['püss', { id, algorithm: 'passphrase', bitLength: 40 }])
    assert.equal(client.requests.at(-1)?.accept, 'text/plain')
  })

  it('refuses what is no key of a volume, before its payload is asked for', async () => {
    for (const [facts, code, pattern] of [
      [{ secret_type: 'certificate' }, 'key-type-unsupported', /type 'certificate'/],
      [{ secret_type: 'something' }, 'key-type-unsupported', /type 'something'/],
      [{ content_types: { default: 'application/pkcs8' } }, 'key-type-unsupported', /application\/pkcs8/],
      [{ content_types: undefined }, 'key-store-corrupt', /has no payload/],
      [{ status: 'PENDING' }, 'key-not-ready', /status PENDING/],
      [{ expiration: '2026-11-23T05:59:59.5' }, 'key-expired', /expired at 2026-11-23T05:59:59\.500Z/],
    ] as const) {
      const id = await changed(facts)
      await refused(open().get(id), code, pattern)
      assert.ok(client.requests.every(request => !request.path.endsWith('/payload')))
    }
    assert.ok(await open().get(await changed({ expiration: '2026-11-23T06:00:01' })))
  })

  it('refuses a payload that is none, of another length, or PEM', async () => {
    await refused(open().get(await changed({}, new Uint8Array())), 'key-store-corrupt', /empty/)
    await refused(open().get(await changed({}, new Uint8Array(31))), 'key-store-corrupt', /248 bits.* 256/)
    const pem = Buffer.from('-----BEGIN PRIVATE KEY-----\n')
    await refused(open().get(await changed({ bit_length: null }, pem)), 'key-type-unsupported', /PEM/)
    await refused(open().get(await changed({}, null)), 'key-not-found', /no payload/)
  })

  it('sends nothing for an id that is none', async () => {
    for (const id of ['', '..', 'not-a-uuid', `${VOLUME}/payload`, VOLUME.toUpperCase()]) {
      await refused(open().get(id), 'key-not-found', /no UUID/)
      assert.equal(await open().delete(id), 'already')
      await refused(open().consumers.list(id), 'invalid-id', /not a UUID/)
    }
    assert.deepEqual(client.requests, [])
  })

  it('keeps a refusal a refusal, with the id of the request', async () => {
    const id = await open().create(AES)
    const other = new FakeKeyManagerClient(server, { project: 'alt' })
    const nobody = new FakeKeyManagerClient(server, { roles: ['member'] })
    for (const work of [
      () => open({}, other).get(id),
      () => open({}, other).delete(id),
      () => open({}, nobody).create(AES),
    ]) {
      await assert.rejects(work, error => {
        assert.ok(isServiceError(error))
        assert.deepEqual([error.kind, error.code, error.status], ['forbidden', 'key-forbidden', 403])
        assert.match(error.details.requestId ?? '', /^req-/)
        return true
      })
    }
    await assert.rejects(open({}, nobody).list(), error => hasCode(error, 'key-forbidden'))
    assert.ok(server.secrets.has(id))
  })

  it('tells that the service cannot be used from every other failure', async () => {
    const id = await open().create(AES)
    client.fault = unavailable
    await refused(open().get(id), 'key-manager-unavailable', /give key .*503: The server is busy/)
    client.fault = () => {
      throw new HoldfastError('unavailable', 'endpoint-unreachable', 'connection to 127.0.0.1:9311 refused')
    }
    for (const work of [() => open().get(id), () => open().create(AES), () => open().delete(id), () => open().list()]) {
      await refused(work(), 'key-manager-unavailable', /connection to 127\.0\.0\.1:9311 refused/)
    }
    client.fault = () => ({ status: 400, body: { code: 400, title: 'Bad Request', description: 'Malformed JSON' } })
    await refused(open().get(id), 'key-refused', /Malformed JSON/)
    const quota = { code: 403, title: 'Forbidden', description: 'Quota reached for project demo.' }
    client.fault = () => ({ status: 403, body: quota })
    await refused(open({ creation: 'direct' }).create(AES), 'key-quota', /Quota reached/)
  })

  it('does not believe what is not from the key manager that a key is gone', async () => {
    const id = await open().create(AES)
    const keys = open()
    assert.deepEqual(await keys.consumers.list(id), [])
    for (const description of ['Not Found', '"404 page not found"', 'HTTP status 404']) {
      client.fault = () => ({ status: 404, body: { code: 404, title: 'Not Found', description } })
      for (const work of [() => keys.get(id), () => keys.delete(id), () => keys.consumers.remove(id, VOLUME)]) {
        await refused(work(), 'key-manager-unavailable', /answered 404/)
      }
    }
  })

  it('refuses answers that are not as documented', async () => {
    const id = await open().create(AES)
    const good = { secret_type: 'symmetric', status: 'ACTIVE', secret_ref: `http://x/v1/secrets/${id}` }
    for (const change of [
      { secret_ref: 'http://x/v1/secrets/../../etc' },
      { secret_ref: `http://x/v1/orders/${id}` },
      { secret_ref: `http://x/v1/secrets/${VOLUME}` },
      { secret_type: 7 },
      { status: null },
      { bit_length: -8 },
      { bit_length: '256' },
      { expiration: 'tomorrow' },
      { content_types: [] },
    ]) {
      client.fault = () => ({ status: 200, body: { ...good, ...change } })
      await refused(open().get(id), 'reply-malformed', /key manager's answer about secret/)
    }
    for (const body of [[], { secrets: [] }, { secrets: {}, total: 0 }, { secrets: [null], total: 1 }]) {
      client.fault = () => ({ status: 200, body })
      await refused(open().list(), 'reply-malformed', /about its secrets/)
    }
  })

  it('lists all pages, of what can be a key', async () => {
    server.largestPage = 3
    const ids = []
    for (let count = 0; count < 11; count++) ids.push(await open({ creation: 'direct' }).create(AES))
    const [certificate, ...keys] = ids
    Object.assign(server.secrets.get(certificate ?? '')?.facts ?? {}, { secret_type: 'certificate' })
    assert.deepEqual(await open().list(), keys.sort())
  })

  it('lists anew when a deletion shifts the pages', async () => {
    server.largestPage = 3
    const ids: string[] = []
    for (let count = 0; count < 9; count++) ids.push(await open({ creation: 'direct' }).create(AES))
    let pages = 0
    client.fault = () => {
      pages += 1
      if (pages === 2) server.secrets.delete(ids[0] ?? '')
      return undefined
    }
    assert.deepEqual(await open().list(), ids.slice(1).sort())
    client.fault = request => {
      const [first] = server.secrets.keys()
      if (Number(request.query?.offset) > 0 && first) server.secrets.delete(first)
      return undefined
    }
    await refused(open().list(), 'list-unsettled', /changed while it was read/)
  })

  it('keeps who uses a key, and does not delete it under them', async () => {
    const keys = open()
    const id = await keys.create(AES)
    assert.equal(await keys.consumers.add(id, VOLUME), 'made')
    assert.equal(await keys.consumers.add(id, VOLUME), 'already')
    assert.deepEqual(await keys.consumers.list(id), [
      { service: 'holdfast', resourceType: 'volume', resourceId: VOLUME },
    ])
    await refused(keys.delete(id), 'key-in-use', new RegExp(`volume ${VOLUME} of holdfast`))
    assert.equal(await keys.consumers.remove(id, VOLUME), 'made')
    assert.equal(await keys.consumers.remove(id, VOLUME), 'already')
    assert.equal(await keys.delete(id), 'made')
    assert.equal(await keys.consumers.remove(id, VOLUME), 'already')
  })

  it('says plainly that a service knows no consumers', async () => {
    server.microversions = false
    const keys = open()
    const id = await keys.create(AES)
    const { consumers } = keys
    for (const work of [
      () => consumers.add(id, VOLUME),
      () => consumers.remove(id, VOLUME),
      () => consumers.list(id),
    ]) {
      await refused(work(), 'key-consumers-unsupported', /microversion 1\.1/)
    }
  })
})

const denied = { code: 403, title: 'Forbidden', description: 'Order deletion attempt not allowed' }
