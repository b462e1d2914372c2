import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { KEY_MANAGER } from '#src/sim/cloud/places.ts'
import type { Fault } from '#src/sim/faults.ts'
import { World } from '#src/sim/world.ts'
import { clientOf, exchange, type PlainClient } from './plain-client.ts'

const CONNECTOR = { host: 'compute-1' }

const failing = (when: Fault['when'], code: string, kind: ErrorKind = 'unavailable'): Fault => ({
  when,
  do: 'fail',
  error: new HoldfastError(kind, code, 'it was made to'),
})

describe('HTTP to the simulated cloud', () => {
  let world: World
  let cloud: SimCloud
  let demo: PlainClient
  beforeEach(async () => {
    world = new World()
    cloud = new SimCloud(world)
    demo = await clientOf(cloud, 'demo')
    world.passed.length = 0
  })

  const create = () => demo.volume('POST', 'volumes', { volume: { size: 1, volume_type: 'ceph-luks' } })

  it('is one effect for what changes something and one look for the rest, whose names tell no secret', async () => {
    const { id } = (await create()).body.volume
    await world.clock.sleep(1000)
    const request = { attachment: { volume_uuid: id, connector: CONNECTOR } }
    const made = await demo.volume('POST', 'attachments', request, { version: '3.44' })
    const attachmentId = made.body.attachment.id
    await demo.volume('GET', `attachments/${attachmentId}`, undefined, { version: '3.44' })
    await demo.act(id, { 'os-begin_detaching': null })
    await demo.volume('GET', 'volumes/secret%20word')
    await demo.key('POST', 'secrets', { payload: 'hunter2', payload_content_type: 'text/plain' })
    assert.deepEqual(
      world.passed.map(({ kind, name }) => `${kind} ${name}`),
      [
        'effect cinder create-volume',
        `effect cinder attachment-create ${id}`,
        `look cinder attachment-show ${attachmentId} of ${id}`,
        `effect cinder begin-detaching ${id}`,
        'look cinder show-volume -',
        'effect barbican create-secret',
      ],
    )
  })

  it('can be unreachable, and then nothing was done', async () => {
    world.faults = () => failing('before', 'endpoint-unreachable')
    await assert.rejects(create(), { code: 'endpoint-unreachable' })
    assert.equal(cloud.state.volumes.size, 0)
    await assert.rejects(exchange(cloud.transport(), 'GET', 'https://nobody.example/'), {
      code: 'endpoint-unreachable',
    })
  })

  it('can lose the reply to what was done, or have a proxy answer instead', async () => {
    world.faults = () => failing('after', 'reply-lost')
    await assert.rejects(create(), { code: 'reply-lost' })
    assert.equal(cloud.state.volumes.size, 1)
    for (const [when, status] of [
      ['after', 504],
      ['after', 502],
      ['before', 503],
    ] as const) {
      world.faults = () => failing(when, `http-${status}`)
      const reply = await create()
      assert.deepEqual([reply.status, reply.headers['content-type']], [status, 'text/html'])
    }
    assert.equal(cloud.state.volumes.size, 3)
  })

  it('ends at the deadline when nothing comes, and at once when the caller gives up', async () => {
    world.faults = () => ({ when: 'after', do: 'hang' })
    const before = world.clock.monotonic()
    await assert.rejects(create(), { kind: 'timeout', code: 'reply-lost' })
    assert.equal(world.clock.monotonic() - before, 60_000)
    const giveUp = new AbortController()
    const url = `${KEY_MANAGER}/v1/secrets`
    const asked = cloud.transport().send({ method: 'GET', url, headers: {}, deadlineMs: 1000, signal: giveUp.signal })
    const reason = new Error('enough')
    giveUp.abort(reason)
    await assert.rejects(asked, error => error === reason)
  })

  it('reaches a cloud that outlives the process and the power of the host, and is another in a fork', async () => {
    const { id } = (await create()).body.volume
    const fork = world.fork()
    await world.reboot()
    await world.clock.sleep(1000)
    const again = await clientOf(new SimCloud(world), 'demo')
    assert.equal((await again.volume('GET', `volumes/${id}`)).body.volume.status, 'available')
    assert.ok(world.files.has(`rbd:volumes/volume-${id}`))
    const other = await clientOf(new SimCloud(fork), 'demo')
    assert.equal((await other.volume('GET', `volumes/${id}`)).body.volume.status, 'creating')
    assert.equal(fork.files.has(`rbd:volumes/volume-${id}`), false)
  })

  it('refuses a reply that is larger than was allowed', async () => {
    const asked = cloud
      .transport()
      .send({ method: 'GET', url: KEY_MANAGER, headers: {}, deadlineMs: 1000, maxBytes: 10 })
    await assert.rejects(asked, { code: 'reply-too-large' })
  })
})
