import type { Secret } from './secret.ts'

/**
 * Seals small secrets so that they may be recorded (I6): AES-256-GCM under the host's master key, bound to a context, as text
 * `sealed:v1:<base64>`. What was sealed for one context does not open for another.
 */
export interface Sealer {
  /** `context`: what it belongs to, such as `<volume id>/keyring`. */
  seal(secret: Secret, context: string, signal?: AbortSignal): Promise<string>
  /** @throws HoldfastError `seal-broken` (corrupt), `master-key-missing` */
  open(sealed: string, context: string, signal?: AbortSignal): Promise<Secret>
}

export const isSealed = (text: string): boolean => text.startsWith('sealed:v1:')
