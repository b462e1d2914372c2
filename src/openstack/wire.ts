import type { Clock } from '#src/core/clock.ts'
import type { Random } from '#src/core/random.ts'
import type { HttpRequest, HttpResponse, HttpTransport } from '#src/http/transport.ts'
import { requestIdOf } from './replies.ts'

/** Of one exchange; nothing in it is secret. */
export interface RequestNote {
  readonly method: string
  readonly url: string
  /** Undefined: no reply came. */
  readonly status: number | undefined
  readonly ms: number
  readonly requestId: string | undefined
}

/** What requests go over, and by whose time. */
export interface Wire {
  readonly transport: HttpTransport
  readonly clock: Clock
  readonly random: Random
  /** Told of every exchange, logins too; never of anything secret. */
  readonly onRequest?: ((note: RequestNote) => void) | undefined
}

/** Sends, and tells whoever wants to know. */
export async function observed(
  { transport, clock, onRequest }: Omit<Wire, 'random'>,
  request: HttpRequest,
): Promise<HttpResponse> {
  if (!onRequest) return await transport.send(request)
  const begun = clock.monotonic()
  const tell = (response?: HttpResponse) => {
    const { method, url } = request
    const requestId = response && requestIdOf(response)
    onRequest({ method, url, status: response?.status, ms: clock.monotonic() - begun, requestId })
  }
  try {
    const response = await transport.send(request)
    tell(response)
    return response
  } catch (error) {
    tell()
    throw error
  }
}
