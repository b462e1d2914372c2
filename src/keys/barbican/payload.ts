import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { SecretFacts } from '#src/openstack/barbican/secrets.ts'

const TYPES = ['symmetric', 'opaque', 'passphrase']
const BINARY = 'application/octet-stream'
const TEXT = 'text/plain'

/** Secrets that can be the key of a volume; certificates and key pairs are not. */
export const mayBeKey = (facts: SecretFacts): boolean => TYPES.includes(facts.type)

/**
 * The content type to ask a key's payload in, once it is sure that this secret can be a key.
 * @throws HoldfastError `key-type-unsupported` (unsupported), `key-expired` (not-found), `key-not-ready` (wrong-state),
 * `key-store-corrupt` (corrupt)
 */
export function payloadType(facts: SecretFacts, now: number): string {
  const { id, status, type, contentType, expires } = facts
  if (!mayBeKey(facts)) throw unsupported(id, `is of type '${type}'`)
  if (expires !== undefined && expires <= now) throw expired(id, expires)
  if (status !== 'ACTIVE') {
    throw new HoldfastError('wrong-state', 'key-not-ready', `key ${id} has status ${status} at the key manager`)
  }
  if (contentType === undefined) throw corrupt(id, 'has no payload')
  const plain = contentType.split(';', 1)[0]?.trim()
  if (plain !== BINARY && plain !== TEXT) throw unsupported(id, `has a payload of type '${contentType}'`)
  return plain
}

/**
 * The key in a payload, whose bytes it takes. The length is compared for binary payloads only: what clients note of a text is
 * their default, not its length (`openstack secret store`).
 */
export function keyOf(facts: SecretFacts, payload: Uint8Array): Secret {
  const secret = new Secret(payload)
  try {
    check(facts, secret)
    return secret
  } catch (error) {
    secret.wipe()
    throw error
  }
}

function check(facts: SecretFacts, secret: Secret): void {
  const { id, bitLength, contentType } = facts
  const bits = secret.length * 8
  if (bits === 0) throw corrupt(id, 'has an empty payload')
  if (Buffer.from(secret.reveal()).indexOf('-----BEGIN ') === 0) throw unsupported(id, 'has a PEM payload')
  if (contentType?.startsWith(BINARY) && bitLength !== undefined && bitLength !== bits) {
    throw corrupt(id, `has a payload of ${bits} bits, and is noted as one of ${bitLength}`)
  }
}

const unsupported = (id: string, why: string) =>
  new HoldfastError('unsupported', 'key-type-unsupported', `secret ${id} is no key of a volume: it ${why}`, {
    details: { hint: 'use a symmetric key, as the volume service makes it' },
  })

const expired = (id: string, expires: number) =>
  new HoldfastError('not-found', 'key-expired', `key ${id} has expired at ${new Date(expires).toISOString()}`, {
    details: { hint: 'the key manager gives it no more; only its operators can bring it back' },
  })

const corrupt = (id: string, why: string) =>
  new HoldfastError('corrupt', 'key-store-corrupt', `key ${id} ${why}`, {
    details: { hint: 'compare the secret at the key manager with what was stored' },
  })
