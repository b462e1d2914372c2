import { readFileSync } from 'node:fs'
import type { HttpResponse } from '#src/http/transport.ts'
import { parseJson, statusError } from '../../replies.ts'
import type { ServiceClient, ServiceReply, ServiceRequest, ServiceVersion } from '../../service-client.ts'

export interface Answer {
  readonly status: number
  readonly body?: unknown
}

export type Answers = (request: ServiceRequest) => Answer | Error | Promise<Answer | Error>

/** For tests: a service that answers as it is told, and remembers what was asked. One try for each request, as it is sent. */
export class ScriptedClient implements ServiceClient {
  readonly serviceType = 'block-storage'
  readonly sent: ServiceRequest[] = []
  readonly #answers: Answers
  versions: ServiceVersion = { id: 'v3.0', minimum: '3.0', maximum: '3.70' }

  constructor(answers: Answers) {
    this.#answers = answers
  }

  async endpoint(): Promise<string> {
    return 'http://cinder.test/v3'
  }

  async version(): Promise<ServiceVersion> {
    return this.versions
  }

  async send(request: ServiceRequest): Promise<ServiceReply> {
    request.signal?.throwIfAborted()
    this.sent.push(request)
    const answer = await this.#answers(request)
    if (answer instanceof Error) throw answer
    const requestId = `req-${this.sent.length}`
    const reply = responseOf(answer)
    const isOk = request.okStatuses?.includes(answer.status) ?? (answer.status >= 200 && answer.status < 300)
    const what = `${request.method} ${request.path}`
    if (!isOk) throw statusError(reply, { what, serviceType: this.serviceType, requestId })
    return { ...reply, bytes: reply.body, requestId, json: () => parseJson(reply, what) }
  }
}

function responseOf({ status, body }: Answer): HttpResponse {
  const text = body === undefined || body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  return { status, headers: { 'content-type': 'application/json' }, body: new TextEncoder().encode(text) }
}

const read = () => JSON.parse(readFileSync(new URL('./recorded.json', import.meta.url), 'utf8'))

/** What a real Cinder (release Zed) answered, by the name of the occasion; links are left out. */
export function recorded(name: string): {
  readonly status: number
  readonly body: Record<string, Record<string, unknown>>
} {
  const answer = read()[name]
  if (answer) return answer
  throw new Error(`nothing is recorded as '${name}'`)
}
