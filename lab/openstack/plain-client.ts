import {
  type ServiceClient,
  ServiceError,
  type ServiceReply,
  type ServiceRequest,
} from '#src/openstack/service-client.ts'
import type { Lab } from './cloud.ts'
import { logIn } from './rest.ts'

/** A lab user's client of the key manager and no more: one try, no renewed token. */
export class PlainClient implements ServiceClient {
  readonly serviceType = 'key-manager'
  readonly #lab: Lab
  readonly #user: string
  #token: Promise<string> | undefined

  constructor(lab: Lab, user: string) {
    this.#lab = lab
    this.#user = user
  }

  async endpoint(): Promise<string> {
    return this.#lab.endpoints[this.serviceType] ?? ''
  }

  async version(): Promise<never> {
    throw new Error('not asked for here')
  }

  async send(request: ServiceRequest): Promise<ServiceReply> {
    request.signal?.throwIfAborted()
    const { method, microversion, json } = request
    const headers: Record<string, string> = {
      accept: request.accept ?? 'application/json',
      'X-Auth-Token': await this.#login(),
    }
    if (microversion !== undefined) headers['OpenStack-API-Version'] = `${this.serviceType} ${microversion}`
    if (json !== undefined) headers['content-type'] = 'application/json'
    const response = await fetch(await this.#url(request), {
      method,
      headers,
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const requestId = response.headers.get('x-openstack-request-id') ?? undefined
    const parse = (): unknown => JSON.parse(Buffer.from(bytes).toString())
    if (response.ok) return { status: response.status, headers: {}, bytes, requestId, json: parse }
    const { description: reason } = parse() as { description: string }
    const kind = response.status === 403 ? 'forbidden' : response.status === 404 ? 'not-found' : 'unavailable'
    const facts = { status: response.status, reason, details: { requestId } }
    throw new ServiceError(kind, 'service-refused', `${method} ${request.path}: ${response.status} ${reason}`, facts)
  }

  async #url({ path, query = {} }: ServiceRequest): Promise<string> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined)
    const search = new URLSearchParams(Object.fromEntries(given.map(([key, value]) => [key, String(value)])))
    return `${await this.endpoint()}/${path}?${search}`
  }

  #login(): Promise<string> {
    const { password = '', project = '' } = this.#lab.users[this.#user] ?? {}
    this.#token ??= logIn(this.#lab.authUrl, { name: this.#user, password, project }).then(login => login.token)
    return this.#token
  }
}
