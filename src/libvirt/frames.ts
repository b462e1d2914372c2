import { type Codec, int, struct, uint, type ValueOf } from './codec.ts'
import { XdrError, XdrReader, XdrWriter } from './xdr.ts'

export const REMOTE_PROGRAM = 0x20008086
export const KEEPALIVE_PROGRAM = 0x6b656570
/** Both programs. */
export const PROTOCOL_VERSION = 1
export const KeepAlive = { PING: 1, PONG: 2 } as const

/** `virNetMessageType`; streams and file descriptors are not for us. */
export const MessageType = { CALL: 0, REPLY: 1, MESSAGE: 2 } as const
/** `virNetMessageStatus` */
export const MessageStatus = { OK: 0, ERROR: 1 } as const

const header = struct({ prog: uint, vers: uint, proc: int, type: int, serial: uint, status: int })
export type Header = ValueOf<typeof header>

/** Of a call, reply or event of libvirt's own program. */
export const remoteHeader = (
  proc: number,
  type: number,
  serial: number,
  status: number = MessageStatus.OK,
): Header => ({
  prog: REMOTE_PROGRAM,
  vers: PROTOCOL_VERSION,
  proc,
  type,
  serial,
  status,
})

export const keepAliveHeader = (proc: number): Header => ({
  prog: KEEPALIVE_PROGRAM,
  vers: PROTOCOL_VERSION,
  proc,
  type: MessageType.MESSAGE,
  serial: 0,
  status: MessageStatus.OK,
})

const LENGTH_SIZE = 4
/** Length word and header. */
export const MIN_FRAME = LENGTH_SIZE + 24
/** `VIR_NET_MESSAGE_MAX` and the length word, which that number leaves out. */
export const MAX_FRAME = 33_554_432 + LENGTH_SIZE

/** A message as it goes over the wire. The bytes may hold a secret: wipe the writer once they are sent. */
export function encodeFrame<T>(head: Header, codec: Codec<T>, payload: T): XdrWriter {
  const writer = new XdrWriter(LENGTH_SIZE)
  try {
    header.write(writer, head)
    codec.write(writer, payload)
    const bytes = writer.bytes()
    if (bytes.length > MAX_FRAME)
      throw new XdrError(`a message of ${bytes.length} bytes where at most ${MAX_FRAME} may be`)
    bytes.writeUInt32BE(bytes.length)
    return writer
  } catch (error) {
    writer.wipe()
    throw error
  }
}

/** Reads the header of a whole frame; the reader stands at the payload. */
export function openFrame(frame: Uint8Array): { head: Header; payload: XdrReader } {
  const payload = new XdrReader(frame.subarray(LENGTH_SIZE))
  return { head: header.read(payload), payload }
}

/** Reads a payload to its very end. */
export function readPayload<T>(codec: Codec<T>, payload: XdrReader): T {
  const value = codec.read(payload)
  payload.end()
  return value
}

/** Cuts a stream of bytes into frames. */
export class FrameSplitter {
  #chunks: Buffer[] = []
  #held = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /** The next whole frame, length word included; undefined until more comes. @throws XdrError if a length is impossible. */
  next(): Buffer | undefined {
    if (this.#held < LENGTH_SIZE) return undefined
    const length = this.#peekLength()
    if (length < MIN_FRAME || length > MAX_FRAME) throw new XdrError(`a frame of ${length} bytes`)
    if (this.#held < length) return undefined
    const all = this.#join()
    const rest = all.subarray(length)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#held = rest.length
    return all.subarray(0, length)
  }

  #peekLength(): number {
    const first = this.#chunks[0]
    return (first !== undefined && first.length >= LENGTH_SIZE ? first : this.#join()).readUInt32BE()
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }
}
