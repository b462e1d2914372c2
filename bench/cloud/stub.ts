/**
 * A cloud that takes next to no time: Keystone's login and Cinder's volumes, every page serialised once.
 *
 *     stub.ts COUNT THINKS_MS
 *
 * Before each answer it waits so long. Prints its port when it listens, and ends with its stdin.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { identityVersion, token, volumeVersions } from './stub-replies.ts'
import { idOf, indexOf, PROJECT, volumeAt } from './volumes.ts'

interface Reply {
  readonly status: number
  /** Written one after another. */
  readonly body: readonly Buffer[]
  readonly headers?: Readonly<Record<string, string>>
}

/** Cinder's `osapi_max_limit`. */
const MOST = 1000

const [COUNT, THINKS_MS] = [Number(process.argv[2]), Number(process.argv[3])]
const BASE = `/v3/${PROJECT}`
const VOLUMES = `${BASE}/volumes/`
const IDENTITY = '/identity/v3'
const server = createServer((request, response) => {
  const answerIt = () => write(response, answer(request))
  // Cinder, too, answers when it has read all.
  request.resume().on('end', () => (THINKS_MS > 0 ? setTimeout(answerIt, THINKS_MS) : answerIt()))
})
/** No connection is cut between the turns of a measurement. */
server.keepAliveTimeout = 600_000
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const origin = `http://127.0.0.1:${port}`
const pages = new Map<string, Buffer>()
const volumes = new Map<number, Buffer>()
for (let from = 0; from < COUNT; from += MOST) pageFrom(from, MOST)
process.stdin.resume().on('end', () => process.exit())
console.log(port)

function answer({ method, url = '/' }: IncomingMessage): Reply {
  if (url.startsWith(`${VOLUMES}detail`)) return page(new URL(url, origin))
  if (url.startsWith(VOLUMES)) return volume(url.slice(VOLUMES.length))
  if (url === `${IDENTITY}/auth/tokens` && method === 'POST') return login()
  const path = url.replace(/\/$/, '')
  if (path === IDENTITY) return { status: 200, body: [json(identityVersion(origin))] }
  if (path === '' || path === '/v3' || path === BASE) {
    return { status: path === '' ? 300 : 200, body: [json(volumeVersions(origin))] }
  }
  return notFound(url)
}

function login(): Reply {
  return { status: 201, body: [json(token(origin))], headers: { 'X-Subject-Token': 'gAAAAABqYxk0'.repeat(15) } }
}

function volume(id: string): Reply {
  const index = indexOf(id, COUNT)
  if (index === undefined) return notFound(id)
  return { status: 200, body: [kept(volumes, index, () => json({ volume: volumeAt(index, origin) }))] }
}

function page({ pathname, searchParams }: URL): Reply {
  const marker = searchParams.get('marker')
  const after = marker === null ? -1 : indexOf(marker, COUNT)
  if (after === undefined) return notFound(`marker ${marker}`)
  const from = after + 1
  const size = Math.min(MOST, Number(searchParams.get('limit') ?? MOST))
  const head = pageFrom(from, size)
  if (from + size >= COUNT) return { status: 200, body: [head, Buffer.from('}')] }
  searchParams.set('marker', idOf(from + size - 1))
  const links = [{ rel: 'next', href: `${origin}${pathname}?${searchParams}` }]
  return { status: 200, body: [head, Buffer.from(`,"volumes_links":${JSON.stringify(links)}}`)] }
}

/** A page as far as its links, which say again what was asked. */
function pageFrom(from: number, size: number): Buffer {
  return kept(pages, `${from} ${size}`, () => {
    const length = Math.max(0, Math.min(size, COUNT - from))
    const found = Array.from({ length }, (_, n) => volumeAt(from + n, origin))
    return Buffer.from(JSON.stringify({ volumes: found }).slice(0, -1))
  })
}

function kept<K>(known: Map<K, Buffer>, key: K, make: () => Buffer): Buffer {
  const there = known.get(key)
  if (there) return there
  const made = make()
  known.set(key, made)
  return made
}

function notFound(what: string): Reply {
  return { status: 404, body: [json({ itemNotFound: { code: 404, message: `${what} could not be found.` } })] }
}

const REQUEST_ID = 'req-0b018c71-2fb6-44d6-a90d-2f13441d3e4a'

function write(response: ServerResponse, { status, body, headers }: Reply): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': body.reduce((sum, part) => sum + part.length, 0),
    'OpenStack-API-Version': 'volume 3.0',
    Vary: 'OpenStack-API-Version',
    'X-Compute-Request-Id': REQUEST_ID,
    'X-Openstack-Request-Id': REQUEST_ID,
    ...headers,
  })
  response.cork()
  for (const part of body) response.write(part)
  response.end()
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
