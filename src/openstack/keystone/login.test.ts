import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import { isServiceError } from '../service-client.ts'
import { type Answer, lost, reply, scriptedCloud, secret, tokenBody, unreachable } from '../testing/scripted-cloud.ts'
import { identityUrl } from './login.ts'

const UNAUTHORIZED = { error: { code: 401, message: 'The request you have made requires authentication.' } }
const good = reply(201, tokenBody(), { 'x-subject-token': 'token-1' })

/** A change at the volume service, for which there must be a login first. */
const detach = (login: readonly Answer[], credentials: Parameters<typeof scriptedCloud>[1] = {}) => {
  const cloud = scriptedCloud({ login }, credentials)
  return { ...cloud, work: cloud.cinder.send({ method: 'DELETE', path: 'attachments/a' }) }
}

async function refused(login: Answer, kind: ErrorKind, code: string, message = /./, credentials = {}) {
  const { work, services } = detach([login], credentials)
  const error = await work.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof HoldfastError, String(error))
  assert.deepEqual([error.kind, error.code], [kind, code], error.message)
  assert.match(error.message, message)
  // Nobody must take it for an answer of the service that was not even asked: a 404 for an attachment that is gone.
  assert.equal(isServiceError(error), false)
  assert.deepEqual(services(), [])
  assert.doesNotMatch(inspect(error, { depth: 9 }), /hidden|token-1/)
  return error
}

describe('a login', () => {
  it('that is refused names who, to where, why in the words of Keystone, and what may be done', async () => {
    const password = await refused(
      reply(401, UNAUTHORIZED),
      'forbidden',
      'login-refused',
      /user 'demo' into project 'demo': The request .* authentication\. \(request req-of-the-server\)/,
    )
    assert.equal(password.details.requestId, 'req-of-the-server')
    assert.match(password.details.hint ?? '', /has a role on the project/)
    const credentials = {
      method: { type: 'application-credential', id: 'ac1', secret: secret('hidden-secret') },
      scope: { type: 'none' },
    }
    const message = /application credential 'ac1'/
    const expired = await refused(reply(401, UNAUTHORIZED), 'forbidden', 'login-refused', message, credentials)
    assert.match(expired.details.hint ?? '', /expired, revoked/)
    // Who is gone is not found; that is no 404 of the service for which the token was to be.
    const gone = reply(404, { error: { code: 404, message: 'Could not find Application Credential: ac1.' } })
    await refused(gone, 'forbidden', 'login-refused', /'ac1' in: Could not find/, credentials)
    const revoked = reply(404, { error: { code: 404, message: 'Failed to validate token' } })
    const token = { method: { type: 'token', token: secret('hidden-token') } }
    await refused(revoked, 'forbidden', 'login-refused', /holder of the token/, token)
  })

  it('at what is no Keystone, or is not well, is no answer of the service', async () => {
    await refused(reply(404, 'nothing here'), 'unavailable', 'identity-unavailable', /404: "nothing here"/)
    await refused(reply(409, {}), 'unavailable', 'identity-unavailable')
    await refused(reply(500, {}), 'unavailable', 'identity-unavailable')
    await refused(unreachable, 'unavailable', 'identity-unavailable', /Keystone does not answer: nothing listens/)
    await refused(lost, 'unavailable', 'identity-unavailable', /no whole reply/)
    const late = new HoldfastError('timeout', 'reply-lost', 'no whole reply came within 30 s')
    await refused(late, 'timeout', 'identity-unavailable')
    const untrusted = new HoldfastError('unavailable', 'tls-untrusted', 'the certificate is not trusted')
    await refused(untrusted, 'unavailable', 'tls-untrusted')
  })

  it('that Keystone cannot read is told with its words, and without the password that it may repeat', async () => {
    const said = { error: { code: 400, message: "'hidden-password' is not of type 'object'" } }
    await refused(reply(400, said), 'invalid-input', 'login-invalid', /'\[secret\]' is not of type/)
    const html = '<html><style>p {}</style><p>Blocked: {"password": "hidden-password"}</p></html>'
    await refused(reply(418, html), 'unavailable', 'identity-unavailable', /"Blocked: .*\[secret\]/)
  })

  it('goes nowhere else, whatever the server says', async () => {
    const away = reply(301, '', { location: 'https://keystone.test/v3/auth/tokens?x=hidden' })
    const error = await refused(away, 'unavailable', 'redirect-refused', /https:\/\/keystone\.test\/v3\/auth\/tokens/)
    assert.match(error.details.hint ?? '', /correct auth_url/)
  })

  it('whose answer is malformed is told by the field, and shows nothing of it', async () => {
    const headers = { 'x-subject-token': 'token-1' }
    const bad = (body: unknown, message: RegExp) =>
      refused(reply(201, body, headers), 'unavailable', 'reply-malformed', message)
    await bad('<html>Sign in</html>', /not JSON.*Sign in/)
    await bad('{"token": {"user": "hidden', /breaks off/)
    await bad({ token: {} }, /user is not an object/)
    await bad(tokenBody({ expires_at: 'soon' }), /"soon" is not a time/)
    await bad(tokenBody({ catalog: [{ type: 'volumev3' }] }), /endpoints is not a list/)
    await bad(tokenBody({ catalog: {} }), /catalog is not a list/)
    await bad(tokenBody({ project: 'p' }), /project is not an object/)
    await bad(tokenBody({ roles: [7] }), /is not an object/)
    await refused(reply(201, tokenBody()), 'unavailable', 'reply-malformed', /no token/)
    await refused(reply(201, tokenBody(), { 'x-subject-token': 'a b' }), 'unavailable', 'reply-malformed')
  })

  it('is tried again where that may help, and not for ever', async () => {
    for (const trouble of [unreachable, lost, reply(502), reply(503), reply(504)]) {
      const { work, sent, clock } = detach([trouble, trouble, good])
      await work
      assert.equal(sent.length, 4)
      assert.deepEqual(clock.slept, [250, 500])
    }
    const away = detach([unreachable])
    await assert.rejects(away.work, { code: 'identity-unavailable' })
    assert.equal(away.sent.length, 3)
    const asked = detach([reply(429, {}, { 'retry-after': '5' }), good])
    await asked.work
    assert.deepEqual(asked.clock.slept, [5000])
    const slow = scriptedCloud({
      login: [
        () => {
          slow.clock.at += 16_000
          throw unreachable
        },
      ],
    })
    await assert.rejects(slow.cinder.endpoint(), { code: 'identity-unavailable' })
    assert.equal(slow.sent.length, 1)
    const wrong = detach([reply(401, UNAUTHORIZED), good])
    await assert.rejects(wrong.work, { code: 'login-refused' })
    assert.equal(wrong.sent.length, 1)
  })

  it('may have an address of any form, and takes v3', () => {
    const forms = ['http://k:5000', 'http://k:5000/', 'http://k:5000/v3', 'http://k:5000/v3/', 'http://k:5000/v2.0/']
    assert.deepEqual([...new Set(forms.map(identityUrl))], ['http://k:5000/v3'])
    assert.equal(identityUrl('https://cloud/identity'), 'https://cloud/identity/v3')
  })
})
