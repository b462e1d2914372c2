import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { type HoldfastError, hasCode } from '#src/core/error.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import { BarbicanKeyManager, type BarbicanOptions } from '#src/keys/barbican/barbican-key-manager.ts'
import { keyManagerConformance } from '#src/keys/conformance.ts'
import { getMicroversions, type Microversions } from '#src/openstack/barbican/version.ts'
import { loadCloud } from '#src/openstack/clouds/load-cloud.ts'
import { isServiceError, type ServiceClient } from '#src/openstack/service-client.ts'
import { type CloudSession, openCloud } from '#src/openstack/session.ts'
import { type Lab, openstackLab } from './cloud.ts'
import { logIn, Rest } from './rest.ts'

const AES = { algorithm: 'aes', bitLength: 256 } as const
const VOLUME = 'd8cc1932-0677-4dc6-b0df-cce9f834d330'
const host = createNodeHost()
const USERS = ['demo', 'demo-nokey', 'alt']

describe('a real Barbican', () => {
  let lab: Lab
  const sessions = new Map<string, CloudSession>()
  before(async () => {
    lab = await openstackLab()
    for (const user of USERS) sessions.set(user, await sessionOf(lab, user))
  })
  after(async () => {
    for (const session of sessions.values()) await session.close()
    await lab?.stop()
  })

  const clientOf = (user: string): ServiceClient => {
    const session = sessions.get(user)
    assert.ok(session, user)
    return session.client('key-manager')
  }
  const keysOf = (user: string, options?: BarbicanOptions) => new BarbicanKeyManager(host, clientOf(user), options)

  for (const creation of ['order', 'direct'] as const) {
    keyManagerConformance(
      `a real Barbican, ${creation}`,
      async () => ({
        keys: keysOf('alt', { creation }),
        reopen: async () => keysOf('alt', { creation }),
        [Symbol.asyncDispose]: async () => {},
      }),
      { shared: true, outOfReach: true },
    )
  }

  describe('its keys', () => {
    const made: string[] = []
    afterEach(async () => {
      const keys = keysOf('demo')
      await Promise.all(made.splice(0).map(id => keys.delete(id)))
    })

    const create = async (options?: BarbicanOptions) => {
      const id = await keysOf('demo', options).create({ ...AES, name: 'holdfast-lab' })
      made.push(id)
      return id
    }
    const store = async (body: object) => {
      const rest = await restOf('demo')
      const { secret_ref } = (await rest.post('/v1/secrets', { name: 'holdfast-lab', ...body })) as {
        secret_ref: string
      }
      const id = secret_ref.split('/').at(-1) ?? ''
      made.push(id)
      return id
    }
    const restOf = async (user: string) => {
      const { password, project } = lab.users[user] ?? { password: '', project: '' }
      const { token } = await logIn(lab.authUrl, { name: user, password, project })
      return new Rest(lab.endpoints['key-manager'] ?? '', token)
    }
    const refusal = (status: number, code: string) => (error: unknown) => {
      assert.ok(isServiceError(error), String(error))
      assert.deepEqual([error.status, error.code], [status, code])
      assert.match(error.details.requestId ?? '', /^req-/)
      return true
    }

    it('are kept from a user without the role, and from another project', async () => {
      const id = await create()
      const forbidden = refusal(403, 'key-forbidden')
      for (const creation of ['order', 'direct'] as const) {
        await assert.rejects(keysOf('demo-nokey', { creation }).create(AES), forbidden)
      }
      await assert.rejects(keysOf('demo-nokey').list(), forbidden)
      for (const user of ['alt', 'demo-nokey']) {
        await assert.rejects(keysOf(user).get(id), forbidden)
        await assert.rejects(keysOf(user).delete(id), forbidden)
      }
      assert.equal((await keysOf('demo').get(id)).bitLength, 256)
    })

    it('are gone once they are deleted', async () => {
      const id = await create()
      assert.equal(await keysOf('demo').delete(id), 'made')
      await assert.rejects(keysOf('demo').get(id), refusal(404, 'key-not-found'))
      assert.equal(await keysOf('demo').delete(id), 'already')
    })

    it('may be texts', async () => {
      const text = { payload: 'püss', payload_content_type: 'text/plain;charset=utf-8' }
      const id = await store({ ...text, secret_type: 'passphrase', bit_length: 256, algorithm: 'aes' })
      const { secret, ...key } = await keysOf('demo').get(id)
      assert.equal(Buffer.from(secret.reveal()).toString(), 'püss')
      assert.deepEqual(key, { id, algorithm: 'aes', bitLength: 40 })
    })

    it('are refused if they are none', async () => {
      const binary = { payload_content_type: 'application/octet-stream', payload_content_encoding: 'base64' }
      const pem = Buffer.from('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n').toString('base64')
      const empty = { algorithm: 'aes', bit_length: 256, secret_type: 'symmetric' }
      for (const [body, code] of [
        [
          { ...binary, payload: 'AAAA', secret_type: 'symmetric', algorithm: 'aes', bit_length: 256 },
          'key-store-corrupt',
        ],
        [{ ...binary, payload: pem, secret_type: 'public' }, 'key-type-unsupported'],
        [empty, 'key-store-corrupt'],
      ] as const) {
        await assert.rejects(keysOf('demo').get(await store(body)), (error: HoldfastError) => error.code === code)
      }
    })

    it('made by an order leave the order, for a creator may not delete it, and tell so', async () => {
      const left: HoldfastError[] = []
      const id = await create({ onLeft: error => left.push(error) })
      assert.deepEqual(
        left.map(error => [error.code, error.message.includes(id)]),
        [['key-order-left', true]],
      )
      assert.match(left[0]?.details.left ?? '', /^order [0-9a-f-]{36}$/)
    })

    it('have consumers, under whom they are not deleted', async () => {
      const known = (await getMicroversions(clientOf('demo'))) as Microversions
      assert.equal(known.maximum, '1.1')
      const id = await create({ creation: 'direct' })
      const keys = keysOf('demo')
      assert.equal(await keys.consumers.add(id, VOLUME), 'made')
      assert.equal(await keys.consumers.add(id, VOLUME), 'already')
      assert.equal((await keys.consumers.list(id)).length, 1)
      await assert.rejects(keys.delete(id), error => hasCode(error, 'key-in-use'))
      assert.equal(await keys.consumers.remove(id, VOLUME), 'made')
      assert.equal(await keys.consumers.remove(id, VOLUME), 'already')
      assert.equal(await keys.delete(id), 'made')
    })

    it('are listed over several pages', async () => {
      const body = { algorithm: 'aes', bit_length: 256, secret_type: 'symmetric' }
      await Promise.all(Array.from({ length: 12 }, () => store(body)))
      const client = clientOf('demo')
      let pages = 0
      const small: ServiceClient = {
        serviceType: client.serviceType,
        endpoint: () => client.endpoint(),
        version: () => client.version(),
        send: request => {
          pages += 1
          return client.send({ ...request, query: { ...request.query, limit: 5 } })
        },
      }
      const ids = new Set(await new BarbicanKeyManager(host, small).list())
      assert.deepEqual(
        made.filter(id => !ids.has(id)),
        [],
      )
      assert.ok(pages >= 3)
    })
  })
})

/** As this lab user, by the lab's clouds.yaml. */
async function sessionOf({ cloudsFile }: Lab, user: string): Promise<CloudSession> {
  const folder = { workingDirectory: '/', homeDirectory: '/' }
  const { credentials } = await loadCloud({
    host,
    environment: {},
    ...folder,
    cloudName: `lab-${user}`,
    file: cloudsFile,
  })
  return openCloud({
    credentials,
    transport: new UndiciTransport(credentials.tls),
    clock: host.clock,
    random: host.random,
  })
}
