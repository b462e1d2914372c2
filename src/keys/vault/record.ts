import { HoldfastError } from '#src/core/error.ts'
import { passphraseOf, Secret } from '#src/core/secret.ts'
import { secretOfHex } from '../hex.ts'
import type { Key, KeySpec } from '../key-manager.ts'

/** What castellan stores a key as (`key_manager/vault_key_manager.py`); `value` is the key in hexadecimal digits. */
interface Fields {
  readonly type: unknown
  readonly value: unknown
  readonly algorithm: unknown
  readonly bit_length: unknown
}

const TYPES = ['symmetric', 'opaque', 'passphrase']
const VALUE = '"value"'
const ZERO = 0x30
const COLON = 0x3a
const QUOTE = 0x22
const SPACES = [0x20, 0x09, 0x0a, 0x0d]

/** The body of the write; holds the key, so the caller wipes it. Never a string of it (I6). */
export function bodyOf(version: 1 | 2, spec: KeySpec, key: Secret, nowMs: number): Secret {
  const { algorithm, bitLength: bit_length, name = null } = spec
  const rest = JSON.stringify({ algorithm, bit_length, name, created: Math.floor(nowMs / 1000) })
  const [before, after] = version === 2 ? ['{"options":{"cas":0},"data":', '}'] : ['', '']
  using digits = passphraseOf(key)
  const ends = [`${before}{"type":"symmetric",${VALUE}:"`, `",${rest.slice(1)}${after}`].map(text => Buffer.from(text))
  const [head, tail] = [ends[0] as Buffer, ends[1] as Buffer]
  const body = new Uint8Array(head.length + digits.length + tail.length)
  body.set(head)
  body.set(digits.reveal(), head.length)
  body.set(tail, head.length + digits.length)
  return new Secret(body)
}

/**
 * The key in the answer to a read. Its digits are taken out of the bytes, which hold no key afterwards, before they become text.
 * @throws HoldfastError `key-store-corrupt` (corrupt), `key-type-unsupported` (unsupported)
 */
export function keyOf(version: 1 | 2, id: string, body: Uint8Array): Key {
  const secret = takeValue(id, body)
  try {
    const { type, algorithm, bit_length } = fieldsOf(version, id, body)
    if (!TYPES.includes(type as string)) throw unsupported(id, type)
    if (algorithm !== null && algorithm !== undefined && typeof algorithm !== 'string') {
      throw corrupt(id, 'has an algorithm that is no text')
    }
    checkLength(id, type as string, bit_length, secret.length * 8)
    return { id, algorithm: (algorithm ?? (type as string)).toLowerCase(), bitLength: secret.length * 8, secret }
  } catch (error) {
    secret.wipe()
    throw error
  }
}

function checkLength(id: string, type: string, noted: unknown, bits: number): void {
  if (bits === 0) throw corrupt(id, 'is empty')
  const known = noted !== null && noted !== undefined
  if (type === 'symmetric' ? noted === bits : !known || noted === bits) return
  throw corrupt(id, `has ${bits} bits, and is noted as one of ${JSON.stringify(noted ?? null)}`)
}

/** The one field `value` of the text; a name with quotes in it is escaped and so no field. */
function takeValue(id: string, body: Uint8Array): Secret {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const found: Uint8Array[] = []
  for (let at = bytes.indexOf(VALUE); at >= 0; at = bytes.indexOf(VALUE, at + VALUE.length)) {
    const digits = textAfter(bytes, at + VALUE.length)
    if (digits) found.push(digits)
  }
  const secret = found.length === 1 ? secretOfHex(found[0] as Uint8Array) : undefined
  for (const digits of found) digits.fill(ZERO)
  if (!secret) throw corrupt(id, 'has no field `value` of hexadecimal digits, or has several')
  return secret
}

/** Of `: "text"` the text, as it lies in the bytes. */
function textAfter(bytes: Buffer, from: number): Uint8Array | undefined {
  const colon = afterSpace(bytes, from)
  const quote = afterSpace(bytes, colon + 1)
  if (bytes[colon] !== COLON || bytes[quote] !== QUOTE) return undefined
  const end = bytes.indexOf(QUOTE, quote + 1)
  return end < 0 ? undefined : bytes.subarray(quote + 1, end)
}

function afterSpace(bytes: Buffer, from: number): number {
  let at = from
  while (SPACES.includes(bytes[at] ?? 0)) at += 1
  return at
}

function fieldsOf(version: 1 | 2, id: string, body: Uint8Array): Fields {
  const outer = field(id, parsed(id, body), 'data')
  const inner = version === 2 ? field(id, outer, 'data') : outer
  if (typeof inner !== 'object' || inner === null) throw corrupt(id, 'has no data')
  const fields = inner as Fields
  if (typeof fields.value !== 'string') throw corrupt(id, 'has its field `value` elsewhere')
  return fields
}

function parsed(id: string, body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString())
  } catch (cause) {
    throw corrupt(id, 'comes in an answer that is not JSON', cause)
  }
}

function field(id: string, value: unknown, name: string): unknown {
  if (typeof value === 'object' && value !== null && name in value) return (value as Record<string, unknown>)[name]
  throw corrupt(id, `has no field '${name}'`)
}

const corrupt = (id: string, why: string, cause?: unknown) =>
  new HoldfastError('corrupt', 'key-store-corrupt', `key ${id} in Vault ${why}`, {
    cause,
    details: { hint: 'compare the entry in Vault with what was stored' },
  })

const unsupported = (id: string, type: unknown) =>
  new HoldfastError(
    'unsupported',
    'key-type-unsupported',
    `key ${id} in Vault is of type ${JSON.stringify(type ?? null)}`,
    {
      details: { hint: 'use a symmetric key, as the volume service makes it' },
    },
  )
