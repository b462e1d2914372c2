import type { Change } from '#src/core/change.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import { inWordsOfPort } from '../file-failure.ts'
import { secretOfHex } from '../hex.ts'
import { type KeyFileSource, readKeyFile } from '../key-file.ts'
import type { Key, KeyManager, KeySpec } from '../key-manager.ts'
import { FIXED_KEY_ID } from './fixed-key-id.ts'

const SHORTEST = 16
const LONGEST = 64

/**
 * The fixed key that Cinder and Nova know as `fixed_key`: one key for every volume, its id all zeros, its bytes as hexadecimal
 * digits in a file. Whoever has one volume's key has all of them; it is there for clouds that began so.
 */
export class FixedKeyManager implements KeyManager {
  readonly #host: Pick<Host, 'files'>
  readonly #source: KeyFileSource

  constructor(host: Pick<Host, 'files'>, source: KeyFileSource) {
    this.#host = host
    this.#source = source
  }

  /**
   * Makes nothing: gives the id of the one key.
   * @throws HoldfastError `fixed-key-length` (unsupported) if another length is asked for, and those of `get`
   */
  async create(spec: KeySpec, signal?: AbortSignal): Promise<string> {
    using key = await this.#read(signal)
    if (key.length * 8 === spec.bitLength) return FIXED_KEY_ID
    throw new HoldfastError(
      'unsupported',
      'fixed-key-length',
      `the fixed key in ${this.#source.path} has ${key.length * 8} bits, and a key of ${spec.bitLength} is asked for`,
    )
  }

  /** @throws HoldfastError beside those of the port `fixed-key-missing` (unavailable), `key-file-mode` (forbidden) */
  async get(id: string, signal?: AbortSignal): Promise<Key> {
    signal?.throwIfAborted()
    if (id !== FIXED_KEY_ID) throw notFound(id)
    const secret = await this.#read(signal)
    return { id, algorithm: 'aes', bitLength: secret.length * 8, secret }
  }

  async list(signal?: AbortSignal): Promise<readonly string[]> {
    const key = await this.#read(signal).catch(error => {
      if (hasCode(error, 'fixed-key-missing')) return undefined
      throw error
    })
    key?.wipe()
    return key ? [FIXED_KEY_ID] : []
  }

  /** Always 'already': other volumes have this key too, so it is never deleted. */
  async delete(_id: string, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    return 'already'
  }

  async #read(signal: AbortSignal | undefined): Promise<Secret> {
    signal?.throwIfAborted()
    using file = await inWordsOfPort(() => readKeyFile(this.#host, this.#source, 'fixed key'))
    if (!file) throw missing(this.#source.path)
    const key = secretOfHex(line(file.reveal()))
    if (key && key.length >= SHORTEST && key.length <= LONGEST) return key
    key?.wipe()
    throw malformed(this.#source.path)
  }
}

/** Without the newline that editors put at the end. */
function line(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1
  return bytes.subarray(0, end)
}

const notFound = (id: string) =>
  new HoldfastError('not-found', 'key-not-found', `there is no key ${JSON.stringify(id.slice(0, 60))}`, {
    details: { hint: `with a fixed key the only one is ${FIXED_KEY_ID}` },
  })

const missing = (path: string) =>
  new HoldfastError('unavailable', 'fixed-key-missing', `there is no fixed key at ${path}`, {
    details: { hint: 'put it there as it is in the configuration of the volume service, in hexadecimal' },
  })

const malformed = (path: string) =>
  new HoldfastError(
    'corrupt',
    'key-store-corrupt',
    `the fixed key in ${path} is not ${SHORTEST} to ${LONGEST} bytes as hexadecimal digits`,
    { details: { hint: 'restore the file: one line, two digits for each byte' } },
  )
