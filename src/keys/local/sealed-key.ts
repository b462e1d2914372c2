import { createCipheriv, createDecipheriv } from 'node:crypto'
import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'

const CIPHER = 'aes-256-gcm'
const VERSION = 1
/** NIST SP 800-38D, 8.2.2: a random 96-bit nonce for each sealing. */
export const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A key as it lies on disk. */
export interface SealedKey {
  readonly version: typeof VERSION
  readonly algorithm: 'aes'
  readonly bitLength: 256 | 512
  readonly name?: string | undefined
  /** Base64. */
  readonly nonce: string
  readonly sealed: string
  readonly tag: string
}

export type KeyHeader = Pick<SealedKey, 'algorithm' | 'bitLength' | 'name'>

/** What the seal also covers: a sealed key put under another id, or with another header, does not open. */
const boundTo = (id: string, header: KeyHeader): Buffer =>
  Buffer.from(JSON.stringify([VERSION, id, header.algorithm, header.bitLength, header.name ?? null]))

export function seal(master: Secret, id: string, header: KeyHeader, key: Secret, nonce: Uint8Array): SealedKey {
  const cipher = createCipheriv(CIPHER, master.reveal(), nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(boundTo(id, header))
  const sealed = Buffer.concat([cipher.update(key.reveal()), cipher.final()])
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return { version: VERSION, ...header, nonce: text(nonce), sealed: text(sealed), tag: text(cipher.getAuthTag()) }
}

/**
 * @throws HoldfastError `key-store-corrupt` if the seal does not open: the file was changed, or sealed by another master
 * key. It never gives a wrong key.
 */
export function unseal(master: Secret, id: string, stored: SealedKey, path: string): Secret {
  const decipher = createDecipheriv(CIPHER, master.reveal(), Buffer.from(stored.nonce, 'base64'), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(boundTo(id, stored))
  const opened = decipher.update(Buffer.from(stored.sealed, 'base64'))
  try {
    decipher.setAuthTag(Buffer.from(stored.tag, 'base64'))
    decipher.final()
  } catch (cause) {
    opened.fill(0)
    throw corrupt(path, 'its seal does not open: it was changed, or sealed by another master key', cause)
  }
  return new Secret(new Uint8Array(opened.buffer, opened.byteOffset, opened.byteLength))
}

export const corrupt = (path: string, reason: string, cause?: unknown) =>
  new HoldfastError('corrupt', 'key-store-corrupt', `${path} of the key store is damaged: ${reason}`, {
    cause,
    details: { hint: 'bring the key store and its master key back from the same backup; nothing was changed' },
  })

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const isBase64 = (value: unknown, bytes: number): value is string =>
  typeof value === 'string' && BASE64.test(value) && Buffer.from(value, 'base64').length === bytes

/** @throws HoldfastError `key-store-corrupt` naming the file */
export function parseSealedKey(text: string, path: string): SealedKey {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw corrupt(path, 'it is not JSON', cause)
  }
  if (typeof value !== 'object' || value === null) throw corrupt(path, 'it is not an object')
  const { version, algorithm, bitLength, name, nonce, sealed, tag } = value as Record<string, unknown>
  if (version !== VERSION) throw corrupt(path, `its version is ${JSON.stringify(version)}, not ${VERSION}`)
  if (algorithm !== 'aes' || (bitLength !== 256 && bitLength !== 512)) throw corrupt(path, 'its header is not known')
  if (name !== undefined && typeof name !== 'string') throw corrupt(path, 'its name is not text')
  if (!isBase64(nonce, NONCE_BYTES) || !isBase64(tag, TAG_BYTES) || !isBase64(sealed, bitLength / 8)) {
    throw corrupt(path, 'nonce, seal or tag is not of its length')
  }
  return { version: VERSION, algorithm, bitLength, name, nonce, sealed, tag }
}
