import { HoldfastError } from '#src/core/error.ts'
import { isSealed, type Sealer } from '#src/core/sealer.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import { decrypt, encrypt, NONCE_BYTES, TAG_BYTES } from './gcm.ts'
import { type MasterKeySource, masterKeyId, readMasterKey } from './master-key.ts'

const PREFIX = 'sealed:v1:'
const MASTER_ID_BYTES = 8
const HEAD_BYTES = MASTER_ID_BYTES + NONCE_BYTES + TAG_BYTES

/**
 * Seals under the host's master key, which is read whenever it is needed and wiped at once. After the prefix, in base64: id of
 * the master key (8 bytes), nonce (12), tag (16), ciphertext of the secret's length.
 */
export class MasterKeySealer implements Sealer {
  readonly #host: Host
  readonly #source: MasterKeySource

  constructor(host: Host, source: MasterKeySource) {
    this.#host = host
    this.#source = source
  }

  async seal(secret: Secret, context: string, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    using master = await readMasterKey(this.#host, this.#source)
    const box = encrypt(secret, master, this.#host.random.bytes(NONCE_BYTES), boundData(context))
    const id = Buffer.from(masterKeyId(master), 'hex')
    return PREFIX + Buffer.concat([id, box.nonce, box.tag, box.sealed]).toString('base64')
  }

  /** @throws HoldfastError beside those of the contract `master-key-wrong` (forbidden) */
  async open(sealed: string, context: string, signal?: AbortSignal): Promise<Secret> {
    signal?.throwIfAborted()
    const bytes = parse(sealed, context)
    using master = await readMasterKey(this.#host, this.#source)
    if (bytes.toString('hex', 0, MASTER_ID_BYTES) !== masterKeyId(master)) throw wrongMaster(context, this.#source)
    const nonce = bytes.subarray(MASTER_ID_BYTES, MASTER_ID_BYTES + NONCE_BYTES)
    const tag = bytes.subarray(MASTER_ID_BYTES + NONCE_BYTES, HEAD_BYTES)
    try {
      return decrypt({ nonce, tag, sealed: bytes.subarray(HEAD_BYTES) }, master, boundData(context))
    } catch (cause) {
      throw broken(context, 'its seal is broken, or it was sealed for something else', cause)
    }
  }
}

/** Unlike what a key's file binds, so that one never passes for the other. */
const boundData = (context: string): Buffer => Buffer.from(JSON.stringify([PREFIX, context]))

/** Strict: another spelling of the same bytes is a change too. */
function parse(sealed: string, context: string): Buffer {
  if (!isSealed(sealed)) throw broken(context, 'it is not a sealed text')
  const text = sealed.slice(PREFIX.length)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw broken(context, 'it is not base64')
  if (bytes.length < HEAD_BYTES) throw broken(context, 'it is too short')
  return bytes
}

const broken = (context: string, why: string, cause?: unknown) =>
  new HoldfastError('corrupt', 'seal-broken', `the sealed secret of ${context} cannot be opened: ${why}`, {
    cause,
    details: { hint: 'restore the state from a backup, or connect the volume anew' },
  })

const wrongMaster = (context: string, source: MasterKeySource) =>
  new HoldfastError(
    'forbidden',
    'master-key-wrong',
    `the sealed secret of ${context} was sealed with another master key than ${source.path}`,
    { details: { hint: 'use the master key that this state was made with' } },
  )
