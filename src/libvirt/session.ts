import { createConnection, type Socket } from 'node:net'
import { Connection, type ConnectionSettings } from './connection.ts'
import { LibvirtConnectionError } from './errors.ts'

/** `remote_auth_type` */
const Auth = { NONE: 0, POLKIT: 2 } as const
/** `VIR_DRV_FEATURE_PROGRAM_KEEPALIVE`; asking for it makes the daemon begin its own keep-alive. */
const FEATURE_KEEPALIVE = 10

export interface OpenRequest {
  readonly socketPath: string
  readonly uri: string
  readonly deadlineMs: number
  /** Gives up and ends the connection. */
  readonly signal: AbortSignal
  /** Last step before others may call: registers events. */
  readonly prepare: (connection: Connection) => Promise<void>
}

/**
 * Connects, authenticates, starts keep-alive and opens the driver, in the order of libvirt's own client.
 * @throws LibvirtConnectionError `unreachable`, `refused` …; LibvirtError if the driver cannot be opened
 */
export async function openSession(request: OpenRequest, settings: ConnectionSettings): Promise<Connection> {
  const connection = new Connection(await dial(request.socketPath, request.signal), settings)
  const onAbort = () => connection.end(request.signal.reason)
  request.signal.addEventListener('abort', onAbort, { once: true })
  try {
    await handshake(connection, request)
    return connection
  } catch (error) {
    connection.end(new LibvirtConnectionError('closed', 'the connection could not be opened', { cause: error }))
    throw error
  } finally {
    request.signal.removeEventListener('abort', onAbort)
  }
}

async function handshake(connection: Connection, request: OpenRequest): Promise<void> {
  const limits = { deadlineMs: request.deadlineMs, signal: request.signal }
  await authenticate(connection, limits)
  const { supported } = await connection.call('connectSupportsFeature', { feature: FEATURE_KEEPALIVE }, limits)
  if (supported) void connection.keepAlive()
  await connection.call('connectOpen', { name: request.uri, flags: 0 }, limits)
  await request.prepare(connection)
}

async function authenticate(
  connection: Connection,
  limits: { deadlineMs: number; signal: AbortSignal },
): Promise<void> {
  const { types } = await connection.call('authList', undefined, limits)
  if (types.length === 0 || types.includes(Auth.NONE)) return
  if (types.includes(Auth.POLKIT)) {
    await connection.call('authPolkit', undefined, limits)
    return
  }
  throw new LibvirtConnectionError(
    'refused',
    `libvirt asks for authentication of type ${types.join(', ')}, which is not known here`,
  )
}

async function dial(socketPath: string, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const socket = createConnection({ path: socketPath })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(signal.reason)
  const onError = (error: Error) =>
    reject(
      new LibvirtConnectionError('unreachable', `cannot connect to libvirt at ${socketPath}: ${error.message}`, {
        cause: error,
      }),
    )
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('connect', resolve).once('error', onError)
  try {
    await promise
    return socket
  } catch (error) {
    socket.on('error', () => {}).destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.off('error', onError)
  }
}
