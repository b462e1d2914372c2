import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { type ErrorKind, HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { HttpRequest } from './transport.ts'
import { type TlsSettings, UndiciTransport } from './undici-transport.ts'

const pem = (name: 'ca' | 'server' | 'server-key' | 'client' | 'client-key') =>
  readFile(new URL(`./testing/${name}.pem`, import.meta.url))

const opened: { close(): void; closeAllConnections?(): void }[] = []
const transports: UndiciTransport[] = []

async function listening<S extends Server | TcpServer>(server: S): Promise<number> {
  opened.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const serving = async (listener: RequestListener) => `http://127.0.0.1:${await listening(createServer(listener))}`

const transport = (tls?: TlsSettings) => {
  const made = new UndiciTransport(tls)
  transports.push(made)
  return made
}

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url,
  headers: { accept: 'application/json' },
  deadlineMs: 10_000,
  ...more,
})

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

afterEach(async () => {
  for (const made of transports.splice(0)) await made.close()
  for (const server of opened.splice(0)) {
    server.closeAllConnections?.()
    server.close()
  }
})

describe('the HTTP transport', () => {
  it('sends what it is given, and gives any status with its headers and body', async () => {
    const seen: unknown[] = []
    const url = await serving(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      seen.push([request.method, request.url, request.headers['x-auth-token'], body])
      response.writeHead(409, { 'X-Openstack-Request-Id': 'req-1', 'set-cookie': ['a=1', 'b=2'] }).end('no')
    })
    const reply = await transport().send(
      get(`${url}/v3/x?a=b%20c`, { method: 'POST', body: '{"a":1}', headers: { 'X-Auth-Token': 'secret' } }),
    )
    assert.deepEqual(seen, [['POST', '/v3/x?a=b%20c', 'secret', '{"a":1}']])
    assert.deepEqual([reply.status, Buffer.from(reply.body).toString()], [409, 'no'])
    assert.deepEqual([reply.headers['x-openstack-request-id'], reply.headers['set-cookie']], ['req-1', 'a=1, b=2'])
  })

  it('follows no redirect', async () => {
    const url = await serving((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
    assert.equal((await transport().send(get(url))).status, 302)
  })

  it('keeps its connections', async () => {
    const ports = new Set<number | undefined>()
    const url = await serving((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('{}')
    })
    const one = transport()
    for (let count = 0; count < 20; count++) await one.send(get(url))
    // The next may be asked for before the last is counted as free.
    assert.ok(ports.size <= 2, `${ports.size} connections`)
  })

  it('tells that surely nothing was sent: nobody listens, no such name', async () => {
    const port = await listening(createTcpServer())
    opened.pop()?.close()
    await refused(
      transport().send(get(`http://127.0.0.1:${port}/x`)),
      'unavailable',
      'endpoint-unreachable',
      /nothing listens there/,
    )
    await refused(transport().send(get('http://nobody.invalid/')), 'unavailable', 'endpoint-unreachable')
    await refused(transport().send(get('ftp://x/')), 'invalid-input', 'endpoint-invalid')
    await refused(transport().send(get('not an address')), 'invalid-input', 'endpoint-invalid')
  })

  it('tells that the server may have acted: no reply, half a reply, a reply that never ends', async () => {
    const hung = await serving(() => {})
    const late = await refused(transport().send(get(hung, { deadlineMs: 50 })), 'timeout', 'reply-lost', /within 50 ms/)
    assert.match(late.details.left ?? '', /may have done/)
    const dripping = await serving((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(drip))
    })
    await refused(transport().send(get(dripping, { deadlineMs: 80 })), 'timeout', 'reply-lost')
    const cut = await serving((request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half')
      setImmediate(() => request.socket.destroy())
    })
    await refused(transport().send(get(cut)), 'unavailable', 'reply-lost', /no whole reply/)
    const chunked = await serving((request, response) => {
      response.write('{"half":')
      setImmediate(() => request.socket.destroy())
    })
    await refused(transport().send(get(chunked)), 'unavailable', 'reply-lost')
    const silent = await serving(request => request.socket.destroy())
    await refused(transport().send(get(silent)), 'unavailable', 'reply-lost')
  })

  it('refuses a reply that is larger than was allowed', async () => {
    const url = await serving((_, response) => response.end(Buffer.alloc(2000)))
    await refused(transport().send(get(url, { maxBytes: 1000 })), 'unavailable', 'reply-too-large', /1000 bytes/)
    assert.equal((await transport().send(get(url, { maxBytes: 2000 }))).body.length, 2000)
  })

  it("ends with the caller's own reason when that gives up, also before anything is sent", async () => {
    const url = await serving(() => {})
    const reason = new Error('enough')
    const controller = new AbortController()
    const waiting = transport().send(get(url, { signal: controller.signal }))
    setImmediate(() => controller.abort(reason))
    await assert.rejects(waiting, reason)
    await assert.rejects(transport().send(get(url, { signal: AbortSignal.abort(reason) })), reason)
  })

  it('shows neither query nor headers in an error', async () => {
    const url = await serving(request => request.socket.destroy())
    const request = get(`${url}/v3?password=hidden`, { headers: { 'x-auth-token': 'hidden' } })
    const error = await refused(transport().send(request), 'unavailable', 'reply-lost')
    assert.doesNotMatch(inspect(error, { depth: 9 }), /hidden/)
  })

  it('shows neither the bytes of a reply that is no HTTP, nor who an address is for', async () => {
    for (const said of ['HTTP/1.1 200 OK\r\ncontent-length: hidden\r\n\r\n{}', 'SSH-2.0 hidden\r\n']) {
      const server = createTcpServer(socket => socket.once('data', () => socket.end(said)))
      const url = `http://127.0.0.1:${await listening(server)}`
      const error = await refused(transport().send(get(url)), 'unavailable', 'reply-lost')
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hidden/)
    }
    for (const url of ['http://me:hidden@127.0.0.1:1/', 'ftp://me:hidden@x/', 'http://me:hidd?hidden@x/']) {
      const error = await refused(transport().send(get(url)), 'invalid-input', 'endpoint-invalid')
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hidd/)
    }
  })

  it('goes through no proxy, whatever the environment says', async () => {
    const url = await serving((_, response) => response.end('{}'))
    const proxies = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']
    const before = proxies.map(name => process.env[name])
    try {
      for (const name of proxies) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : 'http://127.0.0.1:1'
      assert.equal((await transport().send(get(url))).status, 200)
    } finally {
      for (const [index, name] of proxies.entries()) {
        if (before[index] === undefined) delete process.env[name]
        else process.env[name] = before[index]
      }
    }
  })
})

describe('the HTTP transport over TLS', () => {
  async function tlsServer(options: { askClient?: boolean } = {}): Promise<string> {
    const [cert, key, ca] = await Promise.all([pem('server'), pem('server-key'), pem('ca')])
    const server = createTlsServer(
      { cert, key, ca, requestCert: options.askClient === true, rejectUnauthorized: options.askClient === true },
      (_, response) => response.end('{}'),
    )
    return `https://127.0.0.1:${await listening(server as unknown as Server)}`
  }

  it('trusts only what it is told to trust', async () => {
    const url = await tlsServer()
    await refused(transport().send(get(url)), 'unavailable', 'tls-untrusted', /not trusted/)
    assert.equal((await transport({ ca: await pem('ca') }).send(get(url))).status, 200)
    // Another authority: a certificate that is nobody's authority here.
    await refused(transport({ ca: await pem('client') }).send(get(url)), 'unavailable', 'tls-untrusted')
    assert.equal((await transport({ insecure: true }).send(get(url))).status, 200)
  })

  it('shows a client certificate where it has one', async () => {
    const url = await tlsServer({ askClient: true })
    const ca = await pem('ca')
    const certificate = await pem('client')
    const key = new Secret(await pem('client-key'))
    assert.equal((await transport({ ca, certificate, key }).send(get(url))).status, 200)
    // TLS 1.3: the request may be on its way when the server says so, and the connection be cut before that is read.
    await assert.rejects(transport({ ca }).send(get(url)), { code: /^(tls-untrusted|reply-lost)$/ })
  })

  it('says which certificate or key of our own cannot be used, and shows no key', async () => {
    const url = await tlsServer({ askClient: true })
    const [ca, certificate] = await Promise.all([pem('ca'), pem('client')])
    const key = new Secret(new TextEncoder().encode('hidden, and no PEM'))
    await refused(transport({ ca, certificate, key }).send(get(url)), 'unavailable', 'tls-untrusted', /our own cert/)
    const other = new Secret(await pem('server-key'))
    await refused(
      transport({ ca, certificate, key: other }).send(get(url)),
      'unavailable',
      'tls-untrusted',
      /our own cert/,
    )
    assert.doesNotMatch(inspect({ ca: '', key }), /hidden/)
  })

  it('speaks HTTP/1.1 also to who would rather have HTTP/2', async () => {
    const [cert, key, ca] = await Promise.all([pem('server'), pem('server-key'), pem('ca')])
    const spoken: string[] = []
    const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
      spoken.push(request.httpVersion)
      response.end('{}')
    })
    const url = `https://127.0.0.1:${await listening(server as unknown as Server)}`
    await transport({ ca }).send(get(url))
    assert.deepEqual(spoken, ['1.1'])
  })

  it('tells a connection that is cut after the request from one that never came about', async () => {
    const [cert, key, ca] = await Promise.all([pem('server'), pem('server-key'), pem('ca')])
    const server = createTlsServer({ cert, key }, request => {
      // What is no TLS, in the middle of it.
      const { _parent: raw } = request.socket as unknown as { _parent?: Socket }
      assert.ok(raw)
      raw.end('this is no record of TLS, and long enough to be taken for one')
    })
    const url = `https://127.0.0.1:${await listening(server as unknown as Server)}`
    await refused(transport({ ca }).send(get(url, { method: 'POST', body: '{}' })), 'unavailable', 'reply-lost')
  })

  it('speaks no TLS to a server that has none', async () => {
    const plain = await serving((_, response) => response.end('{}'))
    await refused(transport().send(get(plain.replace('http:', 'https:'))), 'unavailable', 'tls-untrusted', /no TLS/)
  })
})
