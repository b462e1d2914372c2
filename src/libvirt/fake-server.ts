import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Codec, nothing } from './codec.ts'
import { ErrorCode, type ErrorCodeName } from './error-codes.ts'
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

/** Thrown by a handler: the call is answered with this libvirt error. */
export class Failure extends Error {
  readonly code: number

  constructor(code: ErrorCodeName | number, message: string) {
    super(message)
    this.code = typeof code === 'number' ? code : ErrorCode[code]
  }
}

/** A call as the server decoded it with the client's own table. */
export interface SeenCall {
  readonly procedure: ProcedureName
  readonly args: unknown
  readonly serial: number
  readonly peer: Peer
}

type Handler<N extends ProcedureName> = (args: Args<N>, call: SeenCall) => Result<N> | Promise<Result<N>>
type Handlers = { [N in ProcedureName]?: Handler<N> }

const procedureNames: ReadonlyMap<number, ProcedureName> = new Map(
  Object.entries(procedures).map(([name, { number }]) => [number, name as ProcedureName]),
)

/** A promise that never settles: for a handler that never answers. */
export const never = (): Promise<never> => new Promise(() => {})

/** Test support: a server that speaks libvirt's protocol over a real Unix socket and answers what handlers say. */
export class FakeLibvirtd implements AsyncDisposable {
  readonly socketPath: string
  readonly peers: Peer[] = []
  readonly calls: SeenCall[] = []
  readonly handlers: Handlers = {
    authList: () => ({ types: [0] }),
    connectSupportsFeature: () => ({ supported: true }),
    connectOpen: () => {},
    connectClose: () => {},
    connectDomainEventCallbackRegisterAny: ({ eventID }) => ({ callbackID: 100 + eventID }),
    connectDomainEventCallbackDeregisterAny: () => {},
    connectGetHostname: () => ({ hostname: 'fake' }),
  }
  readonly #directory: string
  readonly #waiting: { readonly procedure: ProcedureName; readonly resolve: (call: SeenCall) => void }[] = []
  #server: Server | undefined

  private constructor(directory: string) {
    this.#directory = directory
    this.socketPath = join(directory, 'sock')
  }

  /** `listening: false` leaves the socket away until `listen()`. */
  static async start(handlers: Handlers = {}, listening = true): Promise<FakeLibvirtd> {
    const server = new FakeLibvirtd(await mkdtemp(join(tmpdir(), 'fake-libvirtd-')))
    Object.assign(server.handlers, handlers)
    if (listening) await server.listen()
    return server
  }

  async listen(): Promise<void> {
    this.#server = createServer(socket => this.peers.push(new Peer(socket, this)))
    this.#server.listen(this.socketPath)
    await once(this.#server, 'listening')
  }

  /** The latest connection. */
  get peer(): Peer {
    const peer = this.peers.at(-1)
    if (peer === undefined) throw new Error('nobody is connected')
    return peer
  }

  /** Resolves with the next call of this procedure that arrives. */
  next(procedure: ProcedureName): Promise<SeenCall> {
    return new Promise(resolve => this.#waiting.push({ procedure, resolve }))
  }

  seen(procedure: ProcedureName): SeenCall[] {
    return this.calls.filter(call => call.procedure === procedure)
  }

  async answer(call: SeenCall): Promise<void> {
    this.calls.push(call)
    for (const waiter of this.#waiting.filter(({ procedure }) => procedure === call.procedure)) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      waiter.resolve(call)
    }
    const handler = this.handlers[call.procedure] as Handler<ProcedureName> | undefined
    try {
      if (handler === undefined) throw new Failure('NO_SUPPORT', `no handler for ${call.procedure}`)
      call.peer.reply(call, await handler(call.args as never, call))
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      call.peer.fail(call, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.peers) peer.socket.destroy()
    if (this.#server?.listening) await new Promise(resolve => this.#server?.close(resolve))
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** One client as the server sees it. */
export class Peer {
  readonly socket: Socket
  readonly closed: Promise<unknown>
  /** Keep-alive messages that came. */
  pings = 0
  pongs = 0
  /** True: pings get no answer. */
  deaf = false
  readonly #splitter = new FrameSplitter()
  readonly #server: FakeLibvirtd
  readonly #keepAliveWaiters: (() => void)[] = []

  constructor(socket: Socket, server: FakeLibvirtd) {
    this.socket = socket
    this.#server = server
    this.closed = new Promise(resolve => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.on('data', chunk => this.#onData(chunk))
  }

  reply(call: SeenCall, result: unknown): void {
    const { number, result: codec } = procedures[call.procedure]
    this.frame(remoteHeader(number, MessageType.REPLY, call.serial), codec as Codec<unknown>, result)
  }

  fail(call: SeenCall, { code, message }: Failure): void {
    const head = remoteHeader(procedures[call.procedure].number, MessageType.REPLY, call.serial, MessageStatus.ERROR)
    const none = { dom: undefined, str1: undefined, str2: undefined, str3: undefined, int1: 0, int2: 0, net: undefined }
    this.frame(head, remoteError, { code, domain: 10, message, level: 2, ...none })
  }

  event<N extends EventName>(name: N, message: EventMessage<N>): void {
    const { number, message: codec } = events[name]
    this.frame(remoteHeader(number, MessageType.MESSAGE, 0), codec as Codec<unknown>, message)
  }

  ping(): void {
    this.frame(keepAliveHeader(KeepAlive.PING), nothing, undefined)
  }

  frame<T>(head: Header, codec: Codec<T>, payload: T): void {
    this.raw(encodeFrame(head, codec, payload).bytes())
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Resolves at the next keep-alive message of the client. */
  nextKeepAlive(): Promise<void> {
    return new Promise(resolve => this.#keepAliveWaiters.push(resolve))
  }

  #onData(chunk: Buffer): void {
    this.#splitter.push(chunk)
    for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) this.#onFrame(frame)
  }

  #onFrame(frame: Buffer): void {
    const { head, payload } = openFrame(frame)
    if (head.prog === KEEPALIVE_PROGRAM) return void this.#onKeepAlive(head)
    const procedure = procedureNames.get(head.proc)
    if (procedure === undefined || head.type !== MessageType.CALL) throw new Error(`unexpected message ${head.proc}`)
    const args = readPayload(procedures[procedure].args as Codec<unknown>, payload)
    void this.#server.answer({ procedure, args, serial: head.serial, peer: this })
  }

  #onKeepAlive(head: Header): void {
    if (head.proc === KeepAlive.PONG) this.pongs++
    else {
      this.pings++
      if (!this.deaf) this.frame(keepAliveHeader(KeepAlive.PONG), nothing, undefined)
    }
    for (const resolve of this.#keepAliveWaiters.splice(0)) resolve()
  }
}
