/** Bytes that are not the XDR they should be, or a value that XDR cannot hold. Never carries the value itself. */
export class XdrError extends Error {
  override readonly name = 'XdrError'
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const LENIENT_UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

const padding = (length: number): number => (4 - (length & 3)) & 3

/**
 * Writes XDR (RFC 4506) into one buffer of its own. The buffer may hold a secret: when it grows the old one is wiped, and
 * whoever takes `bytes()` wipes it after use.
 */
export class XdrWriter {
  #buffer: Buffer
  #used: number

  /** The first `reserved` bytes are left for a header. */
  constructor(reserved = 0, capacity = 512) {
    this.#buffer = Buffer.alloc(Math.max(reserved, capacity))
    this.#used = reserved
  }

  int(value: number): void {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff)
      throw new XdrError('not a 32-bit integer')
    const at = this.#claim(4)
    this.#buffer.writeInt32BE(value, at)
  }

  uint(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
      throw new XdrError('not an unsigned 32-bit integer')
    const at = this.#claim(4)
    this.#buffer.writeUInt32BE(value, at)
  }

  hyper(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new XdrError('not a 64-bit integer')
    const at = this.#claim(8)
    this.#buffer.writeBigInt64BE(value, at)
  }

  uhyper(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw new XdrError('not an unsigned 64-bit integer')
    const at = this.#claim(8)
    this.#buffer.writeBigUInt64BE(value, at)
  }

  double(value: number): void {
    const at = this.#claim(8)
    this.#buffer.writeDoubleBE(value, at)
  }

  /** Exactly these bytes, then zeros up to a multiple of four. */
  fixedOpaque(bytes: Uint8Array): void {
    const at = this.#claim(bytes.length + padding(bytes.length))
    this.#buffer.set(bytes, at)
    this.#buffer.fill(0, at + bytes.length, this.#used)
  }

  /** Length, bytes, padding. */
  opaque(bytes: Uint8Array, max: number): void {
    if (bytes.length > max) throw new XdrError(`${bytes.length} bytes where at most ${max} may be`)
    this.uint(bytes.length)
    this.fixedOpaque(bytes)
  }

  /** UTF-8. A NUL is refused: libvirt's C strings would end there. */
  string(text: string, max: number): void {
    if (text.includes('\0')) throw new XdrError('a NUL in a string')
    if (!text.isWellFormed()) throw new XdrError('a lone surrogate in a string')
    const length = Buffer.byteLength(text)
    if (length > max) throw new XdrError(`a string of ${length} bytes where at most ${max} may be`)
    this.uint(length)
    const at = this.#claim(length + padding(length))
    this.#buffer.write(text, at, 'utf8')
    this.#buffer.fill(0, at + length, this.#used)
  }

  /** What was written, not a copy. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used)
  }

  wipe(): void {
    this.#buffer.fill(0)
  }

  /** May replace the buffer: to be called before the buffer is touched. */
  #claim(count: number): number {
    const at = this.#used
    if (at + count > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, at + count))
      larger.set(this.#buffer.subarray(0, at))
      this.#buffer.fill(0)
      this.#buffer = larger
    }
    this.#used = at + count
    return at
  }
}

/** Reads XDR from untrusted bytes; whatever is wrong with them is an XdrError. */
export class XdrReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  int(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  uint(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  hyper(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }

  uhyper(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8))
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }

  /** A view, not a copy. */
  fixedOpaque(length: number): Uint8Array {
    const at = this.#take(length + padding(length))
    for (let index = at + length; index < this.#at; index++) {
      if (this.#buffer[index] !== 0) throw new XdrError('padding that is not zero')
    }
    return this.#buffer.subarray(at, at + length)
  }

  opaque(max: number): Uint8Array {
    return this.fixedOpaque(this.length(max))
  }

  /** `lenient`: bytes that are not UTF-8 become U+FFFD, for texts that are only shown. */
  string(max: number, lenient = false): string {
    const bytes = this.opaque(max)
    if (bytes.includes(0)) throw new XdrError('a NUL in a string')
    try {
      return (lenient ? LENIENT_UTF8 : UTF8).decode(bytes)
    } catch {
      throw new XdrError('a string that is not UTF-8')
    }
  }

  /** Count of an array or length of opaque data. */
  length(max: number): number {
    const length = this.uint()
    if (length > max) throw new XdrError(`a length of ${length} where at most ${max} may be`)
    return length
  }

  /** @throws XdrError if anything is left. */
  end(): void {
    if (this.remaining !== 0) throw new XdrError(`${this.remaining} bytes too many`)
  }

  #take(count: number): number {
    if (count > this.remaining) throw new XdrError(`data ends ${count - this.remaining} bytes too early`)
    const at = this.#at
    this.#at += count
    return at
  }
}
