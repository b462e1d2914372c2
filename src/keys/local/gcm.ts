import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Secret } from '#src/core/secret.ts'

const CIPHER = 'aes-256-gcm'
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

/** What AES-256-GCM makes of a secret. */
export interface Box {
  readonly nonce: Uint8Array
  readonly sealed: Uint8Array
  readonly tag: Uint8Array
}

/** Encrypts; `bound` is what it belongs to, checked again when it is opened. A nonce is used once. */
export function encrypt(secret: Secret, master: Secret, nonce: Uint8Array, bound: Uint8Array): Box {
  if (nonce.length !== NONCE_BYTES) throw new Error(`a nonce has ${NONCE_BYTES} bytes`)
  const cipher = createCipheriv(CIPHER, master.reveal(), nonce).setAAD(bound)
  const sealed = Buffer.concat([cipher.update(secret.reveal()), cipher.final()])
  return { nonce, sealed, tag: cipher.getAuthTag() }
}

/** Opens what `encrypt` made; throws, and gives no byte, if anything of it is not as it was. */
export function decrypt(box: Box, master: Secret, bound: Uint8Array): Secret {
  const decipher = createDecipheriv(CIPHER, master.reveal(), box.nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(bound).setAuthTag(box.tag)
  const secret = new Secret(decipher.update(box.sealed))
  try {
    decipher.final()
  } catch (error) {
    secret.wipe()
    throw error
  }
  return secret
}
