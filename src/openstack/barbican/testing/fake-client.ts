import {
  type ServiceClient,
  ServiceError,
  type ServiceReply,
  type ServiceRequest,
  type ServiceVersion,
} from '../../service-client.ts'
import { type Answer, refusal, route } from './fake-routes.ts'
import type { FakeBarbican } from './fake-state.ts'

export interface FakeClientOptions {
  readonly project?: string
  readonly roles?: readonly string[]
  readonly endpoint?: string
}

/** One user's client of the fake server. It reads what it is sent as strictly as the real one, and keeps it. */
export class FakeKeyManagerClient implements ServiceClient {
  readonly serviceType = 'key-manager'
  readonly requests: ServiceRequest[] = []
  /** Looked at before each request; what it throws or gives comes instead of the answer. */
  fault: ((request: ServiceRequest) => Answer | undefined) | undefined
  readonly #server: FakeBarbican
  readonly #options: Required<FakeClientOptions>

  constructor(server: FakeBarbican, options: FakeClientOptions = {}) {
    this.#server = server
    this.#options = {
      project: options.project ?? 'demo',
      roles: options.roles ?? ['creator'],
      endpoint: options.endpoint ?? 'http://keys.example:9311',
    }
  }

  async endpoint(): Promise<string> {
    return this.#options.endpoint
  }

  async version(): Promise<ServiceVersion> {
    return { id: 'v1', minimum: '', maximum: '' }
  }

  async send(request: ServiceRequest): Promise<ServiceReply> {
    request.signal?.throwIfAborted()
    this.requests.push(request)
    const { endpoint, project, roles } = this.#options
    const path = new URL(`${endpoint}/${request.path}`).pathname.replace(/^\/v1\//, '')
    const json = request.json === undefined ? undefined : JSON.parse(JSON.stringify(request.json))
    const call = { ...request, path, json, project, creator: roles.includes('creator'), query: request.query ?? {} }
    const answer = this.fault?.(request) ?? route(this.#server, call)
    if (answer.status >= 400) throw failure(answer)
    return replyOf(answer)
  }
}

const REQUEST_ID = 'req-1fa0978d-6930-4e0e-84fb-8d240a6df3ae'

function failure(answer: Answer): ServiceError {
  const body = answer.body as { title: string; description: string }
  const kinds: Record<number, 'forbidden' | 'not-found'> = { 403: 'forbidden', 404: 'not-found' }
  const kind = kinds[answer.status] ?? (answer.status >= 500 ? 'unavailable' : 'invalid-input')
  return new ServiceError(kind, 'service-refused', `key-manager: ${answer.status} ${body.title}`, {
    status: answer.status,
    reason: body.description,
    details: { requestId: REQUEST_ID },
  })
}

function replyOf(answer: Answer): ServiceReply {
  const { body } = answer
  const text = body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body ?? '')
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text)
  const headers = { 'content-type': answer.contentType ?? 'application/json' }
  const json = () => JSON.parse(Buffer.from(bytes).toString())
  return { status: answer.status, headers, bytes, requestId: REQUEST_ID, json }
}

export const unavailable = (): Answer => refusal(503, 'Service Unavailable', 'The server is busy.')
