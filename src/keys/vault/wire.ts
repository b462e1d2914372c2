import type { HttpMethod, HttpResponse, HttpTransport } from '#src/http/transport.ts'
import { encodedPath, type VaultOptions } from './options.ts'

const DEADLINE_MS = 30_000

export interface VaultRequest {
  readonly method: HttpMethod
  /** Below `/v1/`, its parts encoded. */
  readonly path: string
  readonly body?: Uint8Array | string | undefined
  readonly token?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** One exchange with Vault, whatever it answers. */
export class VaultWire {
  readonly #transport: HttpTransport
  readonly #options: VaultOptions

  constructor(transport: HttpTransport, options: VaultOptions) {
    this.#transport = transport
    this.#options = options
  }

  async send({ method, path, body, token, signal }: VaultRequest): Promise<HttpResponse> {
    const { url, namespace, deadlineMs } = this.#options
    const headers: Record<string, string> = { accept: 'application/json', 'X-Vault-Request': 'true' }
    if (namespace !== undefined) headers['X-Vault-Namespace'] = encodedPath('namespace', namespace)
    if (token !== undefined) headers['X-Vault-Token'] = token
    if (body !== undefined) headers['content-type'] = 'application/json'
    const address = `${url.replace(/\/+$/, '')}/v1/${path}`
    return await this.#transport.send({
      method,
      url: address,
      headers,
      body,
      deadlineMs: deadlineMs ?? DEADLINE_MS,
      signal,
    })
  }
}
