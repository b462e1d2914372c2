import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import { isServiceError } from './service-client.ts'
import { lost, reply, scriptedCloud, tokenBody, unreachable } from './testing/scripted-cloud.ts'

async function refused(work: Promise<unknown>, kind: ErrorKind, code: string, message = /./): Promise<HoldfastError> {
  const error = await work.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  assert.deepEqual([error.kind, error.code], [kind, code], error.message)
  assert.match(error.message, message)
  return error
}

describe('a session', () => {
  it('logs in once, and sends token, version and request id with every request', async () => {
    const { cinder, sent, services } = scriptedCloud({})
    await cinder.send({ method: 'GET', path: 'volumes', query: { limit: 2, all: undefined, a: 'x y' } })
    await cinder.send({ method: 'POST', path: 'volumes', json: { volume: {} }, microversion: '3.44' })
    assert.deepEqual(
      sent.map(({ method, url }) => `${method} ${url}`),
      [
        'POST http://keystone.test/v3/auth/tokens',
        'GET http://cinder.test/v3/p1/volumes?a=x+y&limit=2',
        'POST http://cinder.test/v3/p1/volumes',
      ],
    )
    const [first, second] = services()
    assert.deepEqual(first?.headers['x-auth-token'], 'token-1')
    assert.match(first?.headers['x-openstack-request-id'] ?? '', /^req-[0-9a-f-]{36}$/)
    assert.equal(first?.headers['openstack-api-version'], undefined)
    assert.equal(second?.headers['openstack-api-version'], 'volume 3.44')
    assert.equal(second?.body, '{"volume":{}}')
  })

  it('logs in by password, application credential and token, with each scope', async () => {
    const body = async (credentials: Parameters<typeof scriptedCloud>[1]) => {
      const { cinder, sent } = scriptedCloud({}, credentials)
      await cinder.endpoint()
      return JSON.parse(String(sent[0]?.body)).auth
    }
    const domain = { name: 'Default' }
    assert.deepEqual(await body({}), {
      identity: { methods: ['password'], password: { user: { name: 'demo', domain, password: 'hidden-password' } } },
      scope: { project: { name: 'demo', domain } },
    })
    const { password: secret } = { password: scriptedCloud({}).session.options.credentials.method } as never as {
      password: { password: never }
    }
    const credential = { type: 'application-credential', id: 'ac1', secret: secret.password } as const
    assert.deepEqual(await body({ method: credential, scope: { type: 'none' } }), {
      identity: {
        methods: ['application_credential'],
        application_credential: { id: 'ac1', secret: 'hidden-password' },
      },
    })
    assert.deepEqual(await body({ method: { type: 'token', token: secret.password }, scope: { type: 'system' } }), {
      identity: { methods: ['token'], token: { id: 'hidden-password' } },
      scope: { system: { all: true } },
    })
    assert.deepEqual((await body({ scope: { type: 'domain', domain: { id: 'd1' } } })).scope, { domain: { id: 'd1' } })
  })

  it('renews a token before it ends, and one that is refused once for all who are refused', async () => {
    const { cinder, clock, sent, services } = scriptedCloud({})
    await cinder.send({ method: 'GET', path: 'x' })
    clock.at += 3_400_000
    await cinder.send({ method: 'GET', path: 'x' })
    clock.at += 90_000
    await cinder.send({ method: 'GET', path: 'x' })
    assert.deepEqual(
      services().map(({ headers }) => headers['x-auth-token']),
      ['token-1', 'token-1', 'token-2'],
    )
    assert.equal(sent.length, 5)

    const storm = scriptedCloud({
      service: [request => reply(request.headers['x-auth-token'] === 'token-1' ? 401 : 200)],
    })
    await Promise.all(Array.from({ length: 20 }, () => storm.cinder.send({ method: 'POST', path: 'x', json: {} })))
    assert.equal(storm.sent.length - storm.services().length, 2)
    assert.equal(storm.services().length, 40)
  })

  it('trusts no clock of this host: a token lives as long as Keystone says', async () => {
    const { cinder, clock, sent, services } = scriptedCloud({
      login: [reply(201, tokenBody({}, 3600, Date.UTC(2020, 0, 1)), { 'x-subject-token': 'token' })],
    })
    await cinder.send({ method: 'GET', path: 'x' })
    clock.at += 3_000_000
    await cinder.send({ method: 'GET', path: 'x' })
    assert.equal(sent.length - services().length, 1)
  })

  it('gives up after the second 401', async () => {
    const { cinder, services } = scriptedCloud({ service: [reply(401, { error: { message: 'who are you' } })] })
    const error = await refused(cinder.send({ method: 'GET', path: 'x' }), 'forbidden', 'unauthorized', /who are you/)
    assert.equal(error.details.requestId, 'req-of-the-server')
    assert.equal(services().length, 2)
  })

  it('sends a service token with everything, and nothing without it', async () => {
    const service = (roles: readonly string[]) =>
      reply(201, tokenBody({ roles: roles.map(name => ({ name })) }), { 'x-subject-token': 'service-token' })
    const good = scriptedCloud({ serviceLogin: [service(['service'])] })
    await good.cinder.send({ method: 'DELETE', path: 'attachments/a' })
    assert.equal(good.services()[0]?.headers['x-service-token'], 'service-token')

    const wrong = scriptedCloud({ serviceLogin: [reply(401, { error: { message: 'no' } })] })
    await refused(wrong.cinder.send({ method: 'GET', path: 'x' }), 'forbidden', 'service-login-refused', /service user/)
    assert.deepEqual(wrong.services(), [])

    const roleless = scriptedCloud({ serviceLogin: [service(['member'])], service: [reply(401)] })
    const error = await refused(
      roleless.cinder.send({ method: 'GET', path: 'x' }),
      'forbidden',
      'service-token-refused',
    )
    assert.match(error.details.hint ?? '', /roles member/)
  })

  it('sends again what may be: with more and more patience, and not for ever', async () => {
    const { cinder, clock, services } = scriptedCloud({ service: [reply(503), lost, unreachable, reply(200)] })
    await cinder.send({ method: 'GET', path: 'x' })
    assert.equal(services().length, 4)
    assert.deepEqual(clock.slept, [250, 500, 1000])
    const down = scriptedCloud({ service: [reply(502)] })
    await refused(down.cinder.send({ method: 'DELETE', path: 'x' }), 'unavailable', 'service-failed', /answered 502/)
    assert.equal(down.services().length, 4)
  })

  it('never sends a POST again whose outcome is not known, unless told that it may', async () => {
    for (const answer of [lost, reply(504), reply(500), reply(502)]) {
      const { cinder, services } = scriptedCloud({ service: [answer, reply(200)] })
      await assert.rejects(cinder.send({ method: 'POST', path: 'x', json: {} }))
      assert.equal(services().length, 1)
    }
    for (const answer of [unreachable, reply(503, {}, { 'retry-after': '2' })]) {
      const { cinder, services } = scriptedCloud({ service: [answer, reply(200)] })
      await cinder.send({ method: 'POST', path: 'x', json: {} })
      assert.equal(services().length, 2)
    }
    const told = scriptedCloud({ service: [lost, reply(200)] })
    await told.cinder.send({ method: 'POST', path: 'x', idempotent: true })
    assert.equal(told.services().length, 2)
  })

  it('waits as long as it is asked to, within reason', async () => {
    const { cinder, clock } = scriptedCloud({ service: [reply(503, {}, { 'retry-after': '7' }), reply(200)] })
    await cinder.send({ method: 'GET', path: 'x' })
    assert.deepEqual(clock.slept, [7000])
    const long = scriptedCloud({ service: [reply(503, {}, { 'retry-after': '3600' })] })
    await refused(long.cinder.send({ method: 'GET', path: 'x' }), 'unavailable', 'service-failed')
    assert.equal(long.services().length, 1)
  })

  it('says what the service said, by status and with its request id', async () => {
    const cases = [
      [400, { badRequest: { code: 400, message: 'bad <br /> size' } }, 'invalid-input', 'bad-request', /bad size/],
      [403, { code: 403, title: 'Forbidden', description: 'not allowed' }, 'forbidden', 'forbidden', /not allowed/],
      [404, { itemNotFound: { code: 404, message: 'no volume' } }, 'not-found', 'not-found', /no volume/],
      [404, { message: 'no route', code: '404 Not Found' }, 'not-found', 'not-found', /no route/],
      [409, { conflictingRequest: { message: 'in use' } }, 'conflict', 'conflict', /in use/],
      [413, { overLimit: { message: 'quota' } }, 'quota', 'over-quota', /quota/],
      [500, '<html><body>Internal <b>error</b></body></html>', 'unavailable', 'service-failed', /Internal error/],
      [500, '', 'unavailable', 'service-failed', /HTTP status 500/],
    ] as const
    for (const [status, body, kind, code, message] of cases) {
      const { cinder } = scriptedCloud({ service: [reply(status, body)] })
      const error = await refused(cinder.send({ method: 'POST', path: 'x' }), kind, code, message)
      assert.ok(isServiceError(error))
      assert.deepEqual([error.status, error.details.requestId], [status, 'req-of-the-server'])
      assert.match(error.message, /request req-of-the-server/)
    }
  })

  it('tells HTML and half JSON of a proxy from an answer', async () => {
    for (const body of ['<html><h1>Sign in</h1></html>', '{"volumes": [', '']) {
      const { cinder } = scriptedCloud({ service: [reply(200, body, { 'content-type': 'text/html' })] })
      const answered = await cinder.send({ method: 'GET', path: 'x' })
      const error = await refused(
        Promise.resolve().then(() => answered.json()),
        'unavailable',
        'reply-malformed',
        /not JSON/,
      )
      assert.equal(error.details.requestId, 'req-of-the-server')
    }
  })

  it('takes its tokens to no other server', async () => {
    const to = (location: string, method: 'GET' | 'POST' = 'GET') => {
      const { cinder, services } = scriptedCloud({ service: [reply(302, '', { location }), reply(200)] })
      return { work: cinder.send({ method, path: 'x' }), services }
    }
    await refused(to('http://elsewhere.test/x').work, 'unavailable', 'redirect-refused', /elsewhere/)
    await refused(to('https://cinder.test/x').work, 'unavailable', 'redirect-refused')
    await refused(to('/v3/p1/y', 'POST').work, 'unavailable', 'redirect-refused')
    const same = to('/v3/p1/y')
    await same.work
    assert.equal(same.services()[1]?.url, 'http://cinder.test/v3/p1/y')
    const round = scriptedCloud({ service: [reply(302, '', { location: '/v3/p1/x' })] })
    await refused(round.cinder.send({ method: 'GET', path: 'x' }), 'unavailable', 'redirect-refused')
  })

  it('ends with the caller when that gives up while it waits', async () => {
    const { cinder } = scriptedCloud({ service: [reply(503)] })
    const reason = new Error('enough')
    await assert.rejects(cinder.send({ method: 'GET', path: 'x', signal: AbortSignal.abort(reason) }), reason)
  })

  it('never shows a password or a token', async () => {
    const { session, cinder } = scriptedCloud({ service: [reply(500)] })
    const error = await refused(cinder.send({ method: 'GET', path: 'x' }), 'unavailable', 'service-failed')
    const shown = inspect([session.options, await session.token(), error], { depth: 20 })
    assert.doesNotMatch(shown, /hidden-password|token-1/)
    assert.doesNotMatch(JSON.stringify([session.options.credentials, await session.token()]), /hidden-password|token-1/)
  })
})

describe('the login', () => {
  it('tells what was refused, and what is no Keystone', async () => {
    const ask = (answer: Parameters<typeof scriptedCloud>[0]['login']) =>
      scriptedCloud({ login: answer ?? [] }).cinder.endpoint()
    const no = reply(401, { error: { message: 'The request you have made requires authentication.' } })
    const wrong = await refused(ask([no]), 'forbidden', 'login-refused', /user 'demo'.*requires authentication/)
    assert.equal(wrong.details.requestId, 'req-of-the-server')
    await refused(ask([reply(200, '<html>')]), 'unavailable', 'reply-malformed', /not JSON.*<html>/)
    await refused(ask([reply(201, '{', { 'x-subject-token': 't' })]), 'unavailable', 'reply-malformed', /not JSON/)
    const headers = { 'x-subject-token': 't' }
    await refused(ask([reply(201, { token: {} }, headers)]), 'unavailable', 'reply-malformed', /user/)
    await refused(ask([reply(404, 'nothing here')]), 'not-found', 'not-found', /nothing here/)
    await refused(ask([unreachable]), 'unavailable', 'endpoint-unreachable')
    const tooLong = reply(201, tokenBody(), { 'x-subject-token': 'a b' })
    await refused(ask([tooLong]), 'unavailable', 'reply-malformed')
  })
})

describe('the catalog', () => {
  const endpoint = (credentials: Parameters<typeof scriptedCloud>[1], type = 'block-storage', catalog?: unknown) =>
    scriptedCloud(
      catalog === undefined ? {} : { login: [reply(201, tokenBody({ catalog }), { 'x-subject-token': 't' })] },
      credentials,
    ).session.endpoint(type)

  it('is looked through by type with its aliases, interface and region; placeholders are filled in', async () => {
    assert.equal(await endpoint({}), 'http://cinder.test/v3/p1')
    assert.equal(await endpoint({ interface: 'internal' }), 'http://inside.test/v3/p1')
    assert.equal(await endpoint({ region: 'two' }), 'http://two.test/v3')
    assert.equal(await endpoint({}, 'key-manager'), 'http://keys.test')
    const endpoints = { 'block-storage': 'http://own.test/v3/%(project_id)s/' }
    assert.equal(await endpoint({ endpoints }), 'http://own.test/v3/p1')
    const legacy = [
      { type: 'volumev3', endpoints: [{ interface: 'publicURL', region: 'one', url: 'http://old.test/v3' }] },
    ]
    assert.equal(await endpoint({}, 'block-storage', legacy), 'http://old.test/v3')
  })

  it('tells what is not in it, and what there is instead', async () => {
    await refused(endpoint({ region: 'three' }), 'unavailable', 'service-not-in-catalog', /'public' in 'one'/)
    await refused(endpoint({}, 'block-storage', []), 'unavailable', 'service-not-in-catalog', /it has nothing/)
    const old = [{ type: 'volumev2', endpoints: [] }]
    await refused(endpoint({}, 'block-storage', old), 'unsupported', 'service-version-unsupported', /volumev2/)
    const endpoints = { 'block-storage': 'http://own.test/%(nonsense)s' }
    await refused(endpoint({ endpoints }), 'invalid-input', 'endpoint-invalid', /nonsense/)
  })
})

describe('versions', () => {
  const versions = (entries: unknown) => scriptedCloud({ service: [reply(300, { versions: entries })] })
  const v3 = { id: 'v3.0', version: '3.70', min_version: '3.0' }

  it('are asked for at the root, once', async () => {
    const { cinder, clock, services } = versions([{ id: 'v2.0', version: '' }, v3])
    assert.deepEqual(await cinder.version(), { id: 'v3.0', minimum: '3.0', maximum: '3.70' })
    await cinder.version()
    assert.deepEqual(
      services().map(({ url }) => url),
      ['http://cinder.test/'],
    )
    clock.at += 600_000
    await cinder.version()
    assert.equal(services().length, 2)
  })

  it('that are not spoken are told, and a failure is not kept', async () => {
    await refused(versions([{ id: 'v2.0' }]).cinder.version(), 'unsupported', 'service-version-unsupported', /v2\.0/)
    await refused(versions('x').cinder.version(), 'unavailable', 'reply-malformed')
    const { cinder } = scriptedCloud({ service: [reply(404), reply(300, { versions: [v3] })] })
    await assert.rejects(cinder.version())
    assert.equal((await cinder.version()).maximum, '3.70')
  })
})
