import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import { isServiceError } from './service-client.ts'
import { CloudSession } from './session.ts'
import { lost, reply, scriptedCloud, secret, tokenBody, unreachable } from './testing/scripted-cloud.ts'
import type { RequestNote } from './wire.ts'

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
    const credential = { type: 'application-credential', id: 'ac1', secret: secret('hidden-password') } as const
    assert.deepEqual(await body({ method: credential, scope: { type: 'none' } }), {
      identity: {
        methods: ['application_credential'],
        application_credential: { id: 'ac1', secret: 'hidden-password' },
      },
    })
    assert.deepEqual(
      await body({ method: { type: 'token', token: secret('hidden-password') }, scope: { type: 'system' } }),
      {
        identity: { methods: ['token'], token: { id: 'hidden-password' } },
        scope: { system: { all: true } },
      },
    )
    const named = { type: 'application-credential', name: 'app', user: { id: 'u1' }, secret: secret('hidden') } as const
    assert.deepEqual((await body({ method: named, scope: { type: 'none' } })).identity.application_credential, {
      name: 'app',
      user: { id: 'u1' },
      secret: 'hidden',
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

  it('keeps a new token when one that was refused before it is told late', async () => {
    const held = Promise.withResolvers<void>()
    const { cinder, sent, services } = scriptedCloud({
      service: [
        async ({ headers, url }) => {
          if (url.endsWith('late')) await held.promise
          return reply(headers['x-auth-token'] === 'token-1' ? 401 : 200)
        },
      ],
    })
    const late = cinder.send({ method: 'GET', path: 'late' })
    await cinder.send({ method: 'GET', path: 'x' })
    held.resolve()
    await late
    assert.deepEqual([services().length, sent.length - services().length], [4, 2])
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

    const away = scriptedCloud({ serviceLogin: [unreachable] })
    const work = away.cinder.send({ method: 'GET', path: 'x' })
    await refused(work, 'unavailable', 'identity-unavailable', /^the service user: .*nothing listens/)
    assert.deepEqual(away.services(), [])

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
    const patch = scriptedCloud({ service: [lost, reply(200)] })
    await assert.rejects(patch.cinder.send({ method: 'PATCH', path: 'x' }), { code: 'reply-lost' })
    const never = scriptedCloud({ service: [lost, reply(200)] })
    await assert.rejects(never.cinder.send({ method: 'GET', path: 'x', idempotent: false }), { code: 'reply-lost' })
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
      [404, { code: 404, title: 'Not Found', description: null }, 'not-found', 'not-found', /404: Not Found \(/],
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
    const cases = [
      ['<html><script>hidden()</script><h1>Sign in</h1></html>', /not JSON \(text\/html\): "Sign in"/],
      ['{"auth_password": "hidden", "volumes": [', /not JSON .*breaks off or is wrong within its 40 bytes/],
      ['', /not JSON .*it is empty/],
    ] as const
    for (const [body, message] of cases) {
      const { cinder } = scriptedCloud({ service: [reply(200, body, { 'content-type': 'text/html' })] })
      const answered = await cinder.send({ method: 'GET', path: 'x' })
      const json = Promise.resolve().then(() => answered.json())
      const error = await refused(json, 'unavailable', 'reply-malformed', message)
      assert.equal(error.details.requestId, 'req-of-the-server')
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hidden/)
    }
  })

  it('takes its tokens to no other server', async () => {
    const to = (location: string, method: 'GET' | 'POST' = 'GET') => {
      const { cinder, services } = scriptedCloud({ service: [reply(302, '', { location }), reply(200)] })
      return { work: cinder.send({ method, path: 'x' }), services }
    }
    const error = await refused(
      to('http://me:hidden@elsewhere.test/x?t=hidden').work,
      'unavailable',
      'redirect-refused',
      /elsewhere\.test\/x"/,
    )
    assert.doesNotMatch(inspect(error), /hidden/)
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

  it('hides what a server or a proxy sends back of a request', async () => {
    const echo = (headers: Readonly<Record<string, string>>) =>
      `<pre>X-Auth-Token: ${headers['x-auth-token']}\nX-Service-Token: ${headers['x-service-token']}</pre>`
    for (const status of [400, 401, 500, 200]) {
      const { cinder } = scriptedCloud({
        service: [({ headers }) => reply(status, echo(headers))],
        serviceLogin: [reply(201, tokenBody({ roles: [{ name: 'service' }] }), { 'x-subject-token': 'service-token' })],
      })
      const work = cinder.send({ method: 'POST', path: 'x' }).then(answered => answered.json())
      const error = await work.catch((thrown: unknown) => thrown)
      assert.match(String(error), /X-Auth-Token: \[secret\] X-Service-Token: \[secret\]/)
      assert.doesNotMatch(inspect(error, { depth: 9 }), /token-1|service-token/)
    }
  })

  it('takes no request id, and no words, that a terminal would act on', async () => {
    const service = [reply(400, { message: 'bad\u001b[31m \u009bsize' }, { 'x-openstack-request-id': 'req-\u001b[2J' })]
    const { cinder } = scriptedCloud({ service })
    const error = await refused(cinder.send({ method: 'POST', path: 'x' }), 'invalid-input', 'bad-request')
    assert.deepEqual([error.message, error.details.requestId], ['block-storage answered 400: bad [31m size', undefined])
  })

  it('tells who wants to know of every exchange, and nothing secret', async () => {
    const notes: RequestNote[] = []
    const { session, clock } = scriptedCloud({ service: [lost, reply(200)] })
    const told = new CloudSession({ ...session.options, onRequest: note => notes.push(note) })
    await told.client('block-storage').send({ method: 'GET', path: 'x' })
    assert.deepEqual(
      notes.map(({ method, url, status }) => [method, url, status]),
      [
        ['POST', 'http://keystone.test/v3/auth/tokens', 201],
        ['GET', 'http://cinder.test/v3/p1/x', undefined],
        ['GET', 'http://cinder.test/v3/p1/x', 200],
      ],
    )
    assert.deepEqual([notes[2]?.requestId, notes[2]?.ms, clock.slept], ['req-of-the-server', 0, [250]])
    assert.doesNotMatch(inspect(notes), /hidden|token-1/)
  })

  it('never shows a password, a token or a key', async () => {
    const tls = { key: secret('hidden-password too') }
    const { session, cinder } = scriptedCloud({ service: [reply(500)] }, { tls })
    const error = await refused(cinder.send({ method: 'GET', path: 'x' }), 'unavailable', 'service-failed')
    const shown = inspect([session.options, await session.token(), error], { depth: 20 })
    assert.doesNotMatch(shown, /hidden-password|token-1/)
    assert.doesNotMatch(JSON.stringify([session.options.credentials, await session.token()]), /hidden-password|token-1/)
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

  it('must leave no choice between regions, nor between services of one type', async () => {
    const choice = endpoint({ region: undefined })
    await refused(choice, 'invalid-input', 'region-not-chosen', /none is chosen: 'one', 'two'/)
    assert.equal(await endpoint({ region: undefined, interface: 'internal' }), 'http://inside.test/v3/p1')
    const volumes = (name: string, ...regions: readonly string[]) => ({
      type: 'block-storage',
      name,
      endpoints: regions.map(region => ({ interface: 'public', region, url: `http://${name}.test/v3` })),
    })
    const catalog = [volumes('slow', 'one', 'two'), volumes('fast', 'one')]
    assert.equal(await endpoint({ region: undefined }, 'block-storage', [catalog[0]]), 'http://slow.test/v3')
    const serviceNames = { 'block-storage': 'fast' }
    assert.equal(await endpoint({ region: 'one', serviceNames }, 'block-storage', catalog), 'http://fast.test/v3')
  })

  it('tells what is not in it, and what there is instead', async () => {
    await refused(endpoint({ region: 'three' }), 'unavailable', 'service-not-in-catalog', /'public' in 'one'/)
    await refused(endpoint({}, 'block-storage', []), 'unavailable', 'service-not-in-catalog', /it has nothing/)
    const old = [{ type: 'volumev2', endpoints: [] }]
    await refused(endpoint({}, 'block-storage', old), 'unsupported', 'service-version-unsupported', /volumev2/)
    const nameless = await refused(
      endpoint({ serviceNames: { 'block-storage': 'cinder-fast' } }),
      'unavailable',
      'service-not-in-catalog',
      /no 'block-storage' by the name 'cinder-fast'; it has .*volumev3 \(cinderv3\)/,
    )
    assert.match(nameless.details.hint ?? '', /ask the operator/)
    const empty = await refused(endpoint({}, 'block-storage', []), 'unavailable', 'service-not-in-catalog')
    assert.match(empty.details.hint ?? '', /without a project has no catalog/)
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
    for (const wrong of ['x', [7], [{ id: 'v3.0', version: 'lots' }], [{ id: 'v3.0', version: 3.7 }]]) {
      await refused(versions(wrong).cinder.version(), 'unavailable', 'reply-malformed')
    }
    const html = scriptedCloud({ service: [reply(200, '<html>Sign in</html>')] })
    await refused(html.cinder.version(), 'unavailable', 'reply-malformed', /Sign in/)
    const { cinder } = scriptedCloud({ service: [reply(404), reply(300, { versions: [v3] })] })
    await assert.rejects(cinder.version())
    assert.equal((await cinder.version()).maximum, '3.70')
  })

  it('that a root does not tell are no resource that is not there', async () => {
    for (const status of [400, 404, 409, 413]) {
      const { cinder } = scriptedCloud({ service: [reply(status, 'no root here')] })
      const error = await refused(cinder.version(), 'unavailable', 'versions-unknown', /no root here/)
      assert.equal(isServiceError(error), false)
    }
    const down = scriptedCloud({ service: [reply(500)] })
    await refused(down.cinder.version(), 'unavailable', 'service-failed')
  })

  it('are asked for once by all who ask meanwhile, and one that gives up takes them from nobody', async () => {
    const held = Promise.withResolvers<void>()
    const { cinder, services } = scriptedCloud({
      service: [
        async ({ signal }) => {
          await held.promise
          signal?.throwIfAborted()
          return reply(300, { versions: [v3] })
        },
      ],
    })
    const controller = new AbortController()
    const reason = new Error('enough')
    const first = cinder.version(controller.signal)
    while (services().length === 0) await Promise.resolve()
    const second = cinder.version()
    const third = cinder.version(controller.signal)
    controller.abort(reason)
    await assert.rejects(first, reason)
    await assert.rejects(third, reason)
    held.resolve()
    assert.equal((await second).maximum, '3.70')
    assert.equal((await cinder.version()).maximum, '3.70')
    assert.equal(services().length, 1)
  })
})
