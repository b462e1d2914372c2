import { HoldfastError } from '#src/core/error.ts'
import type { HttpRequest, HttpResponse, HttpTransport } from '#src/http/transport.ts'

/** Over Node's own client; without deadlines, for the server is ours. */
export class LoopbackTransport implements HttpTransport {
  readonly sent: HttpRequest[] = []

  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted()
    this.sent.push({ ...request, body: typeof request.body === 'string' ? request.body : request.body?.slice() })
    const { method, url, headers } = request
    const body = request.body === undefined ? {} : { body: request.body as Uint8Array<ArrayBuffer> | string }
    try {
      const response = await fetch(url, {
        method,
        headers: { ...headers, connection: 'close' },
        redirect: 'manual',
        ...body,
      })
      const bytes = new Uint8Array(await response.arrayBuffer())
      return { status: response.status, headers: Object.fromEntries(response.headers), body: bytes }
    } catch (cause) {
      const refused = (cause as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED'
      const code = refused ? 'endpoint-unreachable' : 'reply-lost'
      throw new HoldfastError('unavailable', code, `no answer from ${new URL(url).host}`, { cause })
    }
  }

  async close(): Promise<void> {}
}
