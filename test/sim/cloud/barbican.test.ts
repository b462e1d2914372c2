import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { World } from '#src/sim/world.ts'
import { clientOf } from './plain-client.ts'

const UNKNOWN = '00000000-0000-4000-8000-000000000000'
const OCTETS = { Accept: 'application/octet-stream' }

describe('the simulated Barbican', () => {
  it('makes the key of an order later, and gives its payload in its own type only', async () => {
    const world = new World()
    const cloud = new SimCloud(world)
    const demo = await clientOf(cloud, 'demo')
    const meta = { algorithm: 'aes', bit_length: 512, mode: 'xts', name: 'volume' }
    const made = await demo.key('POST', 'orders', { type: 'key', meta })
    assert.equal(made.status, 202)
    const path = made.body.order_ref.split('/v1/')[1]
    assert.equal((await demo.key('GET', path)).body.status, 'PENDING')
    await world.clock.sleep(1000)
    const order = (await demo.key('GET', path)).body
    assert.equal(order.status, 'ACTIVE')
    const secret = order.secret_ref.split('/v1/')[1]
    assert.equal((await demo.key('GET', secret)).body.content_types.default, 'application/octet-stream')
    const wrong = await demo.key('GET', `${secret}/payload`)
    assert.deepEqual(
      [wrong.status, wrong.body.description],
      [406, 'Secret payload retrieval issue seen - Wrong payload content-type.'],
    )
    const { status, body } = await demo.key('GET', `${secret}/payload`, undefined, OCTETS)
    assert.deepEqual([status, body.length], [200, 64])
    assert.equal((await demo.key('DELETE', path)).status, 403)
    assert.equal((await demo.key('DELETE', secret)).status, 204)
    assert.equal((await demo.key('GET', secret)).body.description, 'Secret not found.')
  })

  it('makes no key of 512 bits but for XTS', async () => {
    const world = new World()
    const demo = await clientOf(new SimCloud(world), 'demo')
    const made = await demo.key('POST', 'orders', { type: 'key', meta: { algorithm: 'aes', bit_length: 512 } })
    await world.clock.sleep(1000)
    const { body } = await demo.key('GET', made.body.order_ref.split('/v1/')[1])
    assert.deepEqual([body.status, body.secret_ref], ['ERROR', undefined])
  })

  it('refuses in the words of the real one', async () => {
    const cloud = new SimCloud(new World())
    const demo = await clientOf(cloud, 'demo')
    const key = { payload: 'aGVsbG8=', payload_content_type: 'application/octet-stream' }
    const made = await demo.key('POST', 'secrets', { ...key, payload_content_encoding: 'base64' })
    const path = made.body.secret_ref.split('/v1/')[1]
    const told = async (reply: Promise<{ status: number; body: { description: string } }>) => {
      const { status, body } = await reply
      return [status, body.description]
    }
    const denied = 'attempt not allowed - please review your user/project privileges'
    const alt = await clientOf(cloud, 'alt')
    const nokey = await clientOf(cloud, 'demo-nokey', 'demo')
    assert.deepEqual(await told(alt.key('GET', path)), [403, `Secret retrieval ${denied}`])
    assert.deepEqual(await told(nokey.key('POST', 'secrets', { name: 'x' })), [403, `Secret creation ${denied}`])
    assert.deepEqual(await told(demo.key('GET', `secrets/${UNKNOWN}`)), [404, 'Secret not found.'])
    const none = await told(demo.key('GET', 'secrets/not-a-uuid'))
    assert.deepEqual(none, [404, 'Not Found. Provided secret id is invalid.'])
    assert.deepEqual(await told(demo.key('POST', 'secrets', '{"name":')), [400, 'Malformed JSON'])
  })
})
