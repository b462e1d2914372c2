import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { AUTH_URL } from '#src/sim/cloud/places.ts'
import { World } from '#src/sim/world.ts'
import { clientOf, exchange, passwordOf, tokenOf } from './plain-client.ts'

const TOKENS = `${AUTH_URL}/auth/tokens`

describe('the simulated Keystone', () => {
  it('lets in by password, application credential and token, and tells the catalog', async () => {
    const cloud = new SimCloud(new World())
    const transport = cloud.transport()
    const login = (json: unknown) => exchange(transport, 'POST', TOKENS, json)
    const first = await login(passwordOf('demo', 'demo-pw', 'demo'))
    assert.equal(first.status, 201)
    const { token } = first.body
    assert.equal(token.project.name, 'demo')
    assert.deepEqual(
      token.catalog.map(({ type }: { type: string }) => type),
      ['identity', 'volumev3', 'block-storage', 'image', 'key-manager'],
    )
    const id = first.headers['x-subject-token']
    const rescoped = { auth: { identity: { methods: ['token'], token: { id } }, scope: { project: token.project } } }
    assert.deepEqual((await login(rescoped)).body.token.methods, ['token', 'password'])

    const url = `${AUTH_URL}/users/${cloud.userId('demo')}/application_credentials`
    const made = await exchange(
      transport,
      'POST',
      url,
      { application_credential: { name: 'host', secret: 'sample-secret' } },
      { 'X-Auth-Token': id ?? '' },
    )
    const credential = { id: made.body.application_credential.id, secret: 'sample-secret' }
    const identity = { methods: ['application_credential'], application_credential: credential }
    assert.equal((await login({ auth: { identity } })).body.token.project.id, cloud.projectId('demo'))
    const wrong = { ...identity, application_credential: { ...credential, secret: 'other' } }
    assert.equal((await login({ auth: { identity: wrong } })).status, 401)
  })

  it('refuses in the words of the real one', async () => {
    const transport = new SimCloud(new World()).transport()
    const login = async (json: unknown) => {
      const { status, body } = await exchange(transport, 'POST', TOKENS, json)
      return [status, body.error.message]
    }
    const unauthorized = [401, 'The request you have made requires authentication.']
    assert.deepEqual(await login(passwordOf('demo', 'wrong', 'demo')), unauthorized)
    assert.deepEqual(await login(passwordOf('nobody', 'x', 'demo')), unauthorized)
    assert.deepEqual(await login(passwordOf('demo', 'demo-pw', 'alt')), unauthorized)
    const [status, message] = await login({})
    assert.equal(status, 400)
    assert.match(message, /^Expecting to find auth in request body\./)
  })

  it('gives tokens that end, that can be revoked, and that nobody can forge', async () => {
    const world = new World()
    const cloud = new SimCloud(world, { tokenMs: 3_600_000 })
    const demo = await clientOf(cloud, 'demo')
    assert.equal((await demo.volume('GET', 'volumes')).status, 200)
    await world.clock.sleep(3_600_000)
    const { status, headers } = await demo.volume('GET', 'volumes')
    assert.deepEqual([status, headers['www-authenticate']], [401, `Keystone uri="${AUTH_URL}"`])

    const transport = cloud.transport()
    const token = await tokenOf(transport, 'demo', 'demo-pw')
    const own = { 'X-Auth-Token': token, 'X-Subject-Token': token }
    assert.equal((await exchange(transport, 'GET', TOKENS, undefined, own)).status, 200)
    assert.equal((await exchange(transport, 'DELETE', TOKENS, undefined, own)).status, 204)
    assert.equal((await exchange(transport, 'GET', TOKENS, undefined, own)).status, 401)
    const [text = '', signature] = (await tokenOf(transport, 'demo', 'demo-pw')).slice(5).split('.')
    const claims = JSON.parse(Buffer.from(text, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...claims, user: cloud.userId('admin') })).toString('base64url')
    const asked = { 'X-Auth-Token': `gAAAA${forged}.${signature}` }
    assert.equal((await exchange(transport, 'GET', TOKENS, undefined, asked)).status, 401)
  })
})
