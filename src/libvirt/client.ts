import { type Clock, systemClock } from '#src/core/clock.ts'
import { formatMs } from '#src/core/deadline.ts'
import { ConnectApi, NodeApi } from './api-connect.ts'
import { DomainApi } from './api-domain.ts'
import { SecretApi } from './api-secret.ts'
import type { Connection, ConnectionSettings } from './connection.ts'
import { LibvirtConnectionError } from './errors.ts'
import { type ConnectionListener, EventHub, type EventListener, type Subscription } from './event-hub.ts'
import type { CallOptions, LibvirtOptions } from './options.ts'
import type { Args, EventName, ProcedureName, Result } from './protocol.ts'
import { openSession } from './session.ts'

const CLOSE_DEADLINE_MS = 2000

/**
 * A client of libvirtd (or virtqemud) over its Unix socket. Connects at the first call and again at the first call after
 * the connection ended; a call is never repeated by itself. Any number of calls may be made at once.
 *
 * Every call throws LibvirtError (libvirt's own answer), LibvirtConnectionError (no answer; `sent` tells whether libvirt
 * may have carried it out), XdrError (an argument that the protocol cannot hold) or the reason of the caller's signal.
 */
export class Libvirt implements AsyncDisposable {
  readonly connect: ConnectApi
  readonly node: NodeApi
  readonly domain: DomainApi
  readonly secret: SecretApi

  readonly #options: LibvirtOptions
  readonly #clock: Clock
  readonly #deadlineMs: number
  readonly #hub = new EventHub()
  readonly #closed = new AbortController()
  #connection: Connection | undefined
  #attempt: Promise<Connection> | undefined
  #stoodBefore = false

  constructor(options: LibvirtOptions = {}) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#deadlineMs = options.deadlineMs ?? 60_000
    this.connect = new ConnectApi(this)
    this.node = new NodeApi(this)
    this.domain = new DomainApi(this)
    this.secret = new SecretApi(this)
  }

  /** Connects now, if there is no connection: for an early failure, or to hear events again after `lost`. */
  async open(options: CallOptions = {}): Promise<void> {
    await this.#ready('open', options)
  }

  /** Any procedure of the table, with its own arguments; `domain`, `secret` … are this with shorter words. */
  async call<N extends ProcedureName>(procedure: N, args: Args<N>, options: CallOptions = {}): Promise<Result<N>> {
    const begun = this.#clock.monotonic()
    const connection = await this.#ready(procedure, options)
    const spent = this.#clock.monotonic() - begun
    const deadlineMs = Math.max(0, (options.deadlineMs ?? this.#deadlineMs) - spent)
    return await connection.call(procedure, args, { deadlineMs, signal: options.signal })
  }

  /**
   * Hears events of all domains, called synchronously in the order in which libvirt sent them. Survives reconnecting;
   * what happened in between is not told (see `onConnection`). Resolves once libvirt knows.
   */
  async subscribe<N extends EventName>(
    event: N,
    listener: EventListener<N>,
    options: CallOptions = {},
  ): Promise<Subscription> {
    const own: EventListener<N> = message => listener(message)
    const deadlineMs = options.deadlineMs ?? this.#deadlineMs
    await this.#hub.add(event, own, deadlineMs, () => this.#ready('subscribe', options))
    const close = () => this.#hub.remove(event, own, deadlineMs, this.#connection)
    return { close, [Symbol.asyncDispose]: close }
  }

  /**
   * Hears of gaps: `lost` when a standing connection ended (not by `close`), `reconnected` once events are registered
   * again; whoever waits for an event calls `open` on the first and looks at the state on the second. Returns how to stop.
   */
  onConnection(listener: ConnectionListener): () => void {
    return this.#hub.addConnectionListener(listener)
  }

  /** Ends the connection for good; what still waits is rejected with `closed`. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    const error = new LibvirtConnectionError('closed', 'the client is closed')
    const connection = this.#connection
    this.#closed.abort(error)
    try {
      await connection?.call('connectClose', undefined, { deadlineMs: CLOSE_DEADLINE_MS })
    } catch {
      // Ending the socket, below, says the same to the daemon.
    } finally {
      connection?.end(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A connection on which events are registered. Waits no longer than the call's own limits. */
  async #ready(procedure: string, options: CallOptions): Promise<Connection> {
    options.signal?.throwIfAborted()
    if (this.#closed.signal.aborted)
      throw (this.#closed.signal.reason as LibvirtConnectionError).forCall(procedure, false)
    if (this.#connection !== undefined) return this.#connection
    this.#attempt ??= this.#connectOnce().finally(() => {
      this.#attempt = undefined
    })
    try {
      return await this.#within(this.#attempt, options)
    } catch (error) {
      throw error instanceof LibvirtConnectionError ? error.forCall(procedure, false) : error
    }
  }

  async #within<T>(work: Promise<T>, options: CallOptions): Promise<T> {
    const deadlineMs = options.deadlineMs ?? this.#deadlineMs
    const done = new AbortController()
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    this.#clock.sleep(deadlineMs, done.signal).then(
      () => reject(new LibvirtConnectionError('timeout', `no connection within ${formatMs(deadlineMs)}`)),
      error => reject(error),
    )
    try {
      return await Promise.race([work, promise])
    } finally {
      done.abort()
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  async #connectOnce(): Promise<Connection> {
    const deadlineMs = this.#options.connectDeadlineMs ?? 20_000
    const limit = new AbortController()
    const path = this.#options.socketPath ?? '/run/libvirt/libvirt-sock'
    const strike = () =>
      limit.abort(
        new LibvirtConnectionError('timeout', `libvirt at ${path} did not let us in within ${formatMs(deadlineMs)}`),
      )
    const done = new AbortController()
    this.#clock.sleep(deadlineMs, done.signal).then(strike, () => {})
    try {
      const connection = await openSession(
        {
          socketPath: path,
          uri: this.#options.uri ?? 'qemu:///system',
          deadlineMs,
          signal: AbortSignal.any([limit.signal, this.#closed.signal]),
          prepare: fresh => this.#hub.registerAll(fresh, deadlineMs),
        },
        this.#settings(),
      )
      return this.#adopt(connection)
    } finally {
      done.abort()
    }
  }

  #adopt(connection: Connection): Connection {
    if (this.#closed.signal.aborted) connection.end(this.#closed.signal.reason)
    if (connection.error !== undefined) throw connection.error
    this.#connection = connection
    if (this.#stoodBefore) this.#hub.tell({ kind: 'reconnected' })
    this.#stoodBefore = true
    return connection
  }

  #settings(): ConnectionSettings {
    return {
      clock: this.#clock,
      keepAlive: this.#options.keepAlive ?? { intervalMs: 5000, count: 5 },
      maxInFlight: this.#options.maxInFlight ?? 4,
      onEvent: (name, message) => this.#hub.deliver(name, message),
      onEnd: (connection, error) => {
        if (this.#connection !== connection) return
        this.#connection = undefined
        if (!this.#closed.signal.aborted) this.#hub.tell({ kind: 'lost', error })
      },
    }
  }
}
