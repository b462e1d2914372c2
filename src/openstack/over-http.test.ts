import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { systemClock } from '#src/core/clock.ts'
import { systemRandom } from '#src/core/random.ts'
import { UndiciTransport } from '#src/http/undici-transport.ts'
import { isServiceError } from './service-client.ts'
import { type CloudSession, openCloud } from './session.ts'
import { secret } from './testing/scripted-cloud.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const opened: { readonly server: Server; readonly session: CloudSession }[] = []

afterEach(async () => {
  for (const { server, session } of opened.splice(0)) {
    await session.close()
    server.closeAllConnections()
    server.close()
  }
})

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

/** As Keystone of Zed answers, cut down to one service. */
const token = (origin: string) => ({
  token: {
    methods: ['password'],
    user: { domain: { id: 'default', name: 'Default' }, id: 'u1', name: 'demo', password_expires_at: null },
    audit_ids: ['cCrRHakvQN6VKJn-9CFUQQ'],
    expires_at: '2026-11-23T11:57:52.000000Z',
    issued_at: '2026-11-22T11:57:52.000000Z',
    project: { domain: { id: 'default', name: 'Default' }, id: 'p1', name: 'demo' },
    is_domain: false,
    roles: [{ id: 'r1', name: 'member' }],
    catalog: [
      {
        id: 's1',
        type: 'block-storage',
        name: 'cinder',
        endpoints: [
          { id: 'e1', interface: 'public', region_id: 'RegionOne', region: 'RegionOne', url: `${origin}/v3/p1` },
        ],
      },
    ],
  },
})

/** A cloud on one port: Keystone, and a Cinder that answers so. */
async function cloud(answer: Answer) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const origin = `http://${request.headers.host}`
    if (request.url === '/v3/auth/tokens')
      return json(201, token(origin), { 'x-subject-token': 'token-1' })(request, response)
    seen.push(`${request.method} ${request.url} ${request.headers['x-auth-token']}`)
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = openCloud({
    credentials: {
      authUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      method: { type: 'password', user: { id: 'u1' }, password: secret('hidden') },
      scope: { type: 'project', project: { id: 'p1' } },
      interface: 'public',
      tls: {},
      endpoints: {},
    },
    transport: new UndiciTransport(),
    // No waits between tries.
    clock: { ...systemClock, sleep: async (_, signal) => signal?.throwIfAborted() },
    random: systemRandom,
  })
  opened.push({ server, session })
  return { seen, session, cinder: session.client('block-storage') }
}

describe('a session over HTTP', () => {
  it('logs in, finds the service and speaks to it', async () => {
    const { cinder, seen, session } = await cloud(json(200, { volumes: [] }))
    assert.deepEqual((await cinder.send({ method: 'GET', path: 'volumes' })).json(), { volumes: [] })
    assert.deepEqual(seen, ['GET /v3/p1/volumes token-1'])
    const { userId, projectId, roles, lifeMs } = await session.token()
    assert.deepEqual([userId, projectId, roles, lifeMs], ['u1', 'p1', ['member'], 86_400_000])
  })

  it('gets a quota refusal with its words and its id', async () => {
    const message = "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'."
    const headers = { 'x-compute-request-id': 'req-1', 'x-openstack-request-id': 'req-1', 'retry-after': '0' }
    const { cinder, seen } = await cloud(json(413, { overLimit: { code: 413, message, retryAfter: '0' } }, headers))
    await assert.rejects(cinder.send({ method: 'POST', path: 'volumes', json: {} }), error => {
      assert.ok(isServiceError(error))
      assert.deepEqual([error.kind, error.code, error.reason], ['quota', 'over-quota', message])
      assert.deepEqual([error.retryAfterMs, error.details.requestId], [0, 'req-1'])
      return true
    })
    assert.equal(seen.length, 1)
  })

  it('asks for versions where Cinder answers 300', async () => {
    const versions = [{ id: 'v3.0', status: 'CURRENT', version: '3.70', min_version: '3.0', links: [] }]
    const { cinder, seen } = await cloud(json(300, { versions }))
    assert.deepEqual(await cinder.version(), { id: 'v3.0', minimum: '3.0', maximum: '3.70' })
    assert.deepEqual(seen, ['GET / token-1'])
  })

  it('reads again what was cut off, and never sends a change again', async () => {
    const cut: Answer = (request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"half":')
      setImmediate(() => request.socket.destroy())
    }
    let answers = 0
    const once = await cloud((...both) => (answers++ === 0 ? cut : json(200, {}))(...both))
    await once.cinder.send({ method: 'GET', path: 'volumes' })
    assert.equal(once.seen.length, 2)
    const lost = await cloud(cut)
    await assert.rejects(lost.cinder.send({ method: 'POST', path: 'volumes', json: {} }), { code: 'reply-lost' })
    assert.equal(lost.seen.length, 1)
  })

  it('gives up on a service that hangs, or that drips for ever', async () => {
    const hung = await cloud(() => {})
    const request = { method: 'POST', path: 'x', deadlineMs: 50 } as const
    await assert.rejects(hung.cinder.send(request), { kind: 'timeout', code: 'reply-lost' })
    const dripping = await cloud((_, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(drip))
    })
    await assert.rejects(dripping.cinder.send(request), { kind: 'timeout', code: 'reply-lost' })
  })

  it('takes its token to no other port', async () => {
    const other = await cloud(json(200, {}))
    const elsewhere = `${other.session.options.credentials.authUrl}/v3/p1/x`
    const { cinder } = await cloud((_, response) => response.writeHead(302, { location: elsewhere }).end())
    await assert.rejects(cinder.send({ method: 'GET', path: 'x' }), { code: 'redirect-refused' })
    assert.deepEqual(other.seen, [])
  })
})
