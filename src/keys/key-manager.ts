import type { Secret } from '#src/core/secret.ts'

export interface KeySpec {
  readonly algorithm: 'aes'
  readonly bitLength: 256 | 512
  readonly name?: string | undefined
}

export interface Key {
  readonly id: string
  readonly algorithm: string
  readonly bitLength: number
  /** Raw key bytes; the caller wipes it. */
  readonly secret: Secret
}

/**
 * Where encryption keys live (castellan `key_manager.KeyManager`). Errors: `key-not-found` (not-found),
 * `key-forbidden` (forbidden), `key-manager-unavailable` (unavailable), `key-store-corrupt` (corrupt).
 */
export interface KeyManager {
  /** Makes a new random key and gives its id, a UUID. Durable when it returns. */
  create(spec: KeySpec, signal?: AbortSignal): Promise<string>
  get(id: string, signal?: AbortSignal): Promise<Key>
  /** Ids only, sorted. */
  list(signal?: AbortSignal): Promise<readonly string[]>
  /** 'already' if there is no such key. */
  delete(id: string, signal?: AbortSignal): Promise<'made' | 'already'>
}
