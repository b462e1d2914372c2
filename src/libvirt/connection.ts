import type { Duplex } from 'node:stream'
import type { Clock } from '#src/core/clock.ts'
import { formatMs } from '#src/core/deadline.ts'
import { nothing } from './codec.ts'
import { LibvirtConnectionError, LibvirtError } from './errors.ts'
import {
  encodeFrame,
  FrameSplitter,
  type Header,
  KEEPALIVE_PROGRAM,
  KeepAlive,
  keepAliveHeader,
  MessageStatus,
  MessageType,
  openFrame,
  PROTOCOL_VERSION,
  REMOTE_PROGRAM,
  readPayload,
  remoteHeader,
} from './frames.ts'
import {
  type Args,
  type EventMessage,
  type EventName,
  events,
  type ProcedureName,
  procedures,
  type Result,
} from './protocol.ts'
import { remoteError } from './types.ts'
import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts'

export interface ConnectionSettings {
  readonly clock: Clock
  readonly keepAlive: { readonly intervalMs: number; readonly count: number }
  readonly maxInFlight: number
  /** Called synchronously, so that there is no queue that could grow. */
  readonly onEvent: <N extends EventName>(name: N, message: EventMessage<N>) => void
  /** Once, after every waiting call was rejected. */
  readonly onEnd: (connection: Connection, error: LibvirtConnectionError) => void
}

export interface CallLimits {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

interface Call {
  readonly procedure: ProcedureName
  readonly args: unknown
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
  /** Undefined until it is on the wire. */
  serial: number | undefined
}

const eventNames: ReadonlyMap<number, EventName> = new Map(
  Object.entries(events).map(([name, kind]) => [kind.number, name as EventName]),
)

/** libvirt's protocol over one socket, from connect to its end. Ends once, and with it every waiting call. */
export class Connection {
  readonly #socket: Duplex
  readonly #settings: ConnectionSettings
  readonly #splitter = new FrameSplitter()
  /** On the wire, by serial. */
  readonly #pending = new Map<number, Call>()
  /** Waiting for a place on the wire. */
  readonly #queue: Call[] = []
  readonly #ended = new AbortController()
  #serial = 0
  #heard = false

  constructor(socket: Duplex, settings: ConnectionSettings) {
    this.#socket = socket
    this.#settings = settings
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', error =>
      this.end(new LibvirtConnectionError('lost', `connection lost: ${error.message}`, { cause: error })),
    )
    socket.on('close', () => this.end(new LibvirtConnectionError('lost', 'the daemon closed the connection')))
    socket.on('end', () => this.end(new LibvirtConnectionError('lost', 'the daemon closed the connection')))
  }

  /** Why it ended; undefined while it stands. */
  get error(): LibvirtConnectionError | undefined {
    return this.#ended.signal.aborted ? (this.#ended.signal.reason as LibvirtConnectionError) : undefined
  }

  /** @throws LibvirtError, LibvirtConnectionError, XdrError for arguments that do not fit, the signal's reason */
  async call<N extends ProcedureName>(procedure: N, args: Args<N>, limits: CallLimits): Promise<Result<N>> {
    limits.signal?.throwIfAborted()
    if (this.error !== undefined) throw this.error.forCall(procedure, false)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const call: Call = { procedure, args, resolve, reject, serial: undefined }
    const done = this.#guard(call, limits)
    this.#queue.push(call)
    this.#pump()
    try {
      return (await promise) as Result<N>
    } finally {
      done()
    }
  }

  /** Asks now and then whether a silent peer still lives. */
  async keepAlive(): Promise<void> {
    const { clock, keepAlive } = this.#settings
    let left = keepAlive.count
    while (await this.#rest(clock, keepAlive.intervalMs)) {
      if (this.#heard) left = keepAlive.count
      else if (left-- === 0) return this.end(this.#deadPeer())
      else this.#send(encodeFrame(keepAliveHeader(KeepAlive.PING), nothing, undefined))
      this.#heard = false
    }
  }

  /** Ends the connection and rejects what waits. The first reason counts. */
  end(error: LibvirtConnectionError): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort(error)
    this.#socket.destroy()
    for (const call of this.#queue.splice(0)) call.reject(error.forCall(call.procedure, false))
    for (const call of this.#pending.values()) call.reject(error.forCall(call.procedure, true))
    this.#pending.clear()
    this.#settings.onEnd(this, error)
  }

  #deadPeer(): LibvirtConnectionError {
    const { intervalMs, count } = this.#settings.keepAlive
    return new LibvirtConnectionError(
      'dead',
      `no sign of life from the daemon for ${formatMs(intervalMs * (count + 1))}`,
    )
  }

  /** False once the connection has ended. */
  async #rest(clock: Clock, ms: number): Promise<boolean> {
    try {
      await clock.sleep(ms, this.#ended.signal)
      return !this.#ended.signal.aborted
    } catch (error) {
      if (this.#ended.signal.aborted) return false
      throw error
    }
  }

  /** Gives the call up when its deadline strikes or its signal is aborted. Returns how to stop watching. */
  #guard(call: Call, limits: CallLimits): () => void {
    const watch = new AbortController()
    const onAbort = () => this.#abandon(call, limits.signal?.reason)
    limits.signal?.addEventListener('abort', onAbort, { once: true })
    this.#settings.clock.sleep(limits.deadlineMs, watch.signal).then(
      () => this.#abandon(call, timeoutError(call, limits.deadlineMs)),
      error => {
        if (!watch.signal.aborted) this.#abandon(call, error)
      },
    )
    return () => {
      watch.abort()
      limits.signal?.removeEventListener('abort', onAbort)
    }
  }

  /** One that is on the wire keeps its place there until its late reply, which nobody gets. */
  #abandon(call: Call, reason: unknown): void {
    const index = this.#queue.indexOf(call)
    if (index >= 0) this.#queue.splice(index, 1)
    call.reject(reason)
  }

  /** Puts waiting calls on the wire while there are places. */
  #pump(): void {
    while (this.#pending.size < this.#settings.maxInFlight) {
      const call = this.#queue.shift()
      if (call === undefined) return
      this.#start(call)
    }
  }

  #start(call: Call): void {
    const { number, args } = procedures[call.procedure]
    const serial = this.#nextSerial()
    try {
      const writer = encodeFrame(remoteHeader(number, MessageType.CALL, serial), args as never, call.args as never)
      call.serial = serial
      this.#pending.set(serial, call)
      this.#send(writer)
    } catch (error) {
      call.reject(error instanceof XdrError ? new XdrError(`libvirt ${call.procedure}: ${error.message}`) : error)
    }
  }

  #nextSerial(): number {
    do this.#serial = this.#serial === 0xffff_ffff ? 1 : this.#serial + 1
    while (this.#pending.has(this.#serial))
    return this.#serial
  }

  /** Writes and, when the bytes have left (or never will), wipes them. */
  #send(writer: XdrWriter): void {
    this.#socket.write(writer.bytes(), () => writer.wipe())
  }

  #onData(chunk: Buffer): void {
    this.#heard = true
    try {
      this.#splitter.push(chunk)
      for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) {
        if (this.#ended.signal.aborted) return
        this.#onFrame(frame)
      }
    } catch (error) {
      if (!(error instanceof XdrError)) throw error
      this.end(
        new LibvirtConnectionError('malformed', `the daemon sent what is not the protocol: ${error.message}`, {
          cause: error,
        }),
      )
    }
  }

  #onFrame(frame: Buffer): void {
    const { head, payload } = openFrame(frame)
    if (head.vers !== PROTOCOL_VERSION) throw new XdrError(`version ${head.vers} of program ${head.prog.toString(16)}`)
    if (head.prog === KEEPALIVE_PROGRAM) this.#onKeepAlive(head, payload)
    else if (head.prog !== REMOTE_PROGRAM) throw new XdrError(`unknown program ${head.prog.toString(16)}`)
    else if (head.type === MessageType.REPLY) this.#onReply(head, payload)
    else if (head.type === MessageType.MESSAGE) this.#onEvent(head, payload)
    else throw new XdrError(`message of type ${head.type}`)
  }

  #onKeepAlive(head: Header, payload: XdrReader): void {
    payload.end()
    if (head.type !== MessageType.MESSAGE) throw new XdrError(`keep-alive message of type ${head.type}`)
    if (head.proc === KeepAlive.PONG) return
    if (head.proc !== KeepAlive.PING) throw new XdrError(`keep-alive procedure ${head.proc}`)
    this.#send(encodeFrame(keepAliveHeader(KeepAlive.PONG), nothing, undefined))
  }

  #onEvent(head: Header, payload: XdrReader): void {
    const name = eventNames.get(head.proc)
    if (name === undefined) return
    this.#settings.onEvent(name, readPayload(events[name].message as never, payload))
  }

  #onReply(head: Header, payload: XdrReader): void {
    const call = this.#pending.get(head.serial)
    if (call === undefined) throw new XdrError(`reply to call ${head.serial}, which is not waiting`)
    const { number, result } = procedures[call.procedure]
    if (number !== head.proc) throw new XdrError(`reply of procedure ${head.proc} to a call of ${number}`)
    if (head.status !== MessageStatus.OK && head.status !== MessageStatus.ERROR)
      throw new XdrError(`reply with status ${head.status}`)
    const failed = head.status === MessageStatus.ERROR
    const value = failed
      ? new LibvirtError(call.procedure, readPayload(remoteError, payload))
      : readPayload(result as never, payload)
    this.#pending.delete(head.serial)
    if (failed) call.reject(value)
    else call.resolve(value)
    this.#pump()
  }
}

const timeoutError = (call: Call, deadlineMs: number): LibvirtConnectionError =>
  new LibvirtConnectionError('timeout', `libvirt ${call.procedure} was not answered within ${formatMs(deadlineMs)}`, {
    sent: call.serial !== undefined,
  })
