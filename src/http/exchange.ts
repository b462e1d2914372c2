import type { Dispatcher } from 'undici'
import { failureOf, late, tooLarge } from './failures.ts'
import type { HttpRequest, HttpResponse } from './transport.ts'

const MAX_BYTES = 64 * 2 ** 20

/** One request and its reply, as undici tells of it; ends at the deadline whatever undici is at. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<HttpResponse>
  readonly #request: HttpRequest
  readonly #settle: { resolve: (response: HttpResponse) => void; reject: (reason: unknown) => void }
  readonly #timer: NodeJS.Timeout
  readonly #onAbort = () => this.#fail(this.#request.signal?.reason)
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #status = 0
  #headers: Record<string, string> = {}
  /** From here on the server may have seen the request. */
  #sent = false
  #failed = false
  #controller: Dispatcher.DispatchController | undefined

  constructor(request: HttpRequest) {
    const { promise, ...settle } = Promise.withResolvers<HttpResponse>()
    this.response = promise
    this.#settle = settle
    this.#request = request
    this.#timer = setTimeout(() => this.#fail(late(request, this.#sent)), request.deadlineMs)
    request.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#failed) controller.abort(new Error('given up before it was sent'))
    else this.#sent = true
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) this.#headers[name] = typeof value === 'string' ? value : value.join(', ')
    }
    // What came before the final one.
    this.#chunks.length = 0
    this.#bytes = 0
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    const most = this.#request.maxBytes ?? MAX_BYTES
    this.#bytes += chunk.length
    if (this.#bytes > most) this.#fail(tooLarge(this.#request, most))
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#clear()
    const [only, second] = this.#chunks
    const body = only !== undefined && second === undefined ? only : Buffer.concat(this.#chunks, this.#bytes)
    this.#settle.resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(failureOf(this.#request, error, this.#sent))
  }

  #fail(reason: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#clear()
    this.#settle.reject(reason)
    this.#controller?.abort(new Error('given up'))
  }

  #clear(): void {
    clearTimeout(this.#timer)
    this.#request.signal?.removeEventListener('abort', this.#onAbort)
  }
}
