import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Key, KeySpec } from '../key-manager.ts'
import { decrypt, encrypt, NONCE_BYTES, TAG_BYTES } from './gcm.ts'
import { masterKeyId } from './master-key.ts'

const VERSION = 1

/** A key as it lies in its file: sealed with AES-256-GCM under the master key. Byte fields in base64. */
interface SealedKey {
  readonly version: number
  readonly id: string
  readonly algorithm: string
  readonly bitLength: number
  readonly name?: string | undefined
  /** Of the master key that it is sealed with. */
  readonly masterKeyId: string
  readonly nonce: string
  readonly sealed: string
  readonly tag: string
}

/** What the seal binds beside the bytes: a file put in another's place does not open. */
const boundData = (key: Pick<SealedKey, 'version' | 'id' | 'algorithm' | 'bitLength'>): Buffer =>
  Buffer.from(JSON.stringify([key.id, key.version, key.algorithm, key.bitLength]))

export function seal(id: string, spec: KeySpec, secret: Secret, master: Secret, nonce: Uint8Array): Uint8Array {
  const head = { version: VERSION, id, algorithm: spec.algorithm, bitLength: spec.bitLength }
  const box = encrypt(secret, master, nonce, boundData(head))
  const file: SealedKey = {
    ...head,
    name: spec.name,
    masterKeyId: masterKeyId(master),
    nonce: base64(box.nonce),
    sealed: base64(box.sealed),
    tag: base64(box.tag),
  }
  return new TextEncoder().encode(`${JSON.stringify(file, undefined, 2)}\n`)
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/**
 * Opens a key's file.
 * @throws HoldfastError `key-store-corrupt` (corrupt), `master-key-wrong` (forbidden); never gives a wrong key
 */
export function unseal(id: string, path: string, bytes: Uint8Array, master: Secret): Key {
  const file = parse(id, path, bytes)
  if (file.masterKeyId !== masterKeyId(master)) throw wrongMaster(path)
  const box = { nonce: bytesOf(file.nonce), sealed: bytesOf(file.sealed), tag: bytesOf(file.tag) }
  try {
    return { id, algorithm: file.algorithm, bitLength: file.bitLength, secret: decrypt(box, master, boundData(file)) }
  } catch (cause) {
    throw corrupt(path, 'its seal is broken', cause)
  }
}

function parse(id: string, path: string, bytes: Uint8Array): SealedKey {
  let file: unknown
  try {
    file = JSON.parse(Buffer.from(bytes).toString())
  } catch (cause) {
    throw corrupt(path, 'it is not JSON', cause)
  }
  if (!isSealedKey(file)) throw corrupt(path, 'a field is missing or of the wrong kind')
  if (file.version !== VERSION) throw corrupt(path, `it is of version ${file.version}, which we do not know`)
  if (file.id !== id) throw corrupt(path, `it is the file of key ${file.id}`)
  const lengths = [bytesOf(file.nonce).length, bytesOf(file.tag).length, bytesOf(file.sealed).length * 8]
  if (lengths.join() === [NONCE_BYTES, TAG_BYTES, file.bitLength].join()) return file
  throw corrupt(path, 'a field has the wrong length')
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64')

function isSealedKey(value: unknown): value is SealedKey {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Record<string, unknown>
  const texts = ['id', 'algorithm', 'masterKeyId', 'nonce', 'sealed', 'tag'].map(name => fields[name])
  const numbers = ['version', 'bitLength'].map(name => fields[name])
  return texts.every(text => typeof text === 'string') && numbers.every(number => Number.isInteger(number))
}

const corrupt = (path: string, why: string, cause?: unknown) =>
  new HoldfastError('corrupt', 'key-store-corrupt', `key file ${path} is damaged: ${why}`, {
    cause,
    details: { hint: 'restore this file from a backup of the key store' },
  })

const wrongMaster = (path: string) =>
  new HoldfastError('forbidden', 'master-key-wrong', `key file ${path} was sealed with another master key`, {
    details: { hint: 'use the master key that the key store was made with' },
  })
