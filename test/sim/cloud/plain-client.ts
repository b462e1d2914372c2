import type { HttpMethod, HttpTransport } from '#src/http/transport.ts'
import type { SimCloud } from '#src/sim/cloud/cloud.ts'
import { AUTH_URL, KEY_MANAGER, VOLUME } from '#src/sim/cloud/places.ts'

export interface PlainReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks into
  readonly body: any
}

export interface PlainOptions {
  readonly version?: string
  readonly service?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Plain requests of one user, without anything of Holdfast's own between. */
export class PlainClient {
  readonly #transport: HttpTransport
  readonly #token: string
  readonly projectId: string

  constructor(transport: HttpTransport, token: string, projectId: string) {
    this.#transport = transport
    this.#token = token
    this.projectId = projectId
  }

  volume(method: HttpMethod, path: string, json?: unknown, options: PlainOptions = {}): Promise<PlainReply> {
    const version = options.version === undefined ? {} : { 'OpenStack-API-Version': `volume ${options.version}` }
    const service = options.service === undefined ? {} : { 'X-Service-Token': options.service }
    const headers = { 'X-Auth-Token': this.#token, ...version, ...service, ...options.headers }
    return exchange(this.#transport, method, `${VOLUME}/v3/${this.projectId}/${path}`, json, headers)
  }

  act(volumeId: string, json: unknown, options: PlainOptions = {}): Promise<PlainReply> {
    return this.volume('POST', `volumes/${volumeId}/action`, json, options)
  }

  key(method: HttpMethod, path: string, json?: unknown, headers: Record<string, string> = {}): Promise<PlainReply> {
    return exchange(this.#transport, method, `${KEY_MANAGER}/v1/${path}`, json, {
      'X-Auth-Token': this.#token,
      ...headers,
    })
  }
}

export async function exchange(
  transport: HttpTransport,
  method: HttpMethod,
  url: string,
  json?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<PlainReply> {
  const body = json === undefined ? undefined : typeof json === 'string' ? json : JSON.stringify(json)
  const all = { Accept: 'application/json', ...(body !== undefined && { 'Content-Type': 'application/json' }) }
  const reply = await transport.send({ method, url, headers: { ...all, ...headers }, body, deadlineMs: 60_000 })
  const isJson = reply.headers['content-type']?.startsWith('application/json') && reply.body.length > 0
  const text = Buffer.from(reply.body)
  return { status: reply.status, headers: reply.headers, body: isJson ? JSON.parse(text.toString()) : text }
}

export const passwordOf = (user: string, password: string, project?: string): unknown => ({
  auth: {
    identity: { methods: ['password'], password: { user: { name: user, domain: { name: 'Default' }, password } } },
    ...(project !== undefined && { scope: { project: { name: project, domain: { name: 'Default' } } } }),
  },
})

export async function tokenOf(transport: HttpTransport, user: string, password: string): Promise<string> {
  const { headers } = await exchange(transport, 'POST', `${AUTH_URL}/auth/tokens`, passwordOf(user, password))
  return headers['x-subject-token'] ?? ''
}

export async function clientOf(cloud: SimCloud, user: string, project = user): Promise<PlainClient> {
  const transport = cloud.transport()
  const password = [...cloud.state.users.values()].find(({ name }) => name === user)?.password ?? ''
  return new PlainClient(transport, await tokenOf(transport, user, password), cloud.projectId(project))
}
