import type { Change } from '#src/core/change.ts'
import type { Key, KeyManager, KeySpec } from '../key-manager.ts'
import { FIXED_KEY_ID } from './fixed-key-id.ts'

/**
 * For a cloud that began with a fixed key and has a key manager now: the id of all zeros is answered by the fixed key, every
 * other by the key manager, which makes the new ones (castellan `key_manager/migration.py`).
 */
export class MigrationKeyManager implements KeyManager {
  readonly #fixed: KeyManager
  readonly #keys: KeyManager

  constructor(fixed: KeyManager, keys: KeyManager) {
    this.#fixed = fixed
    this.#keys = keys
  }

  async create(spec: KeySpec, signal?: AbortSignal): Promise<string> {
    return await this.#keys.create(spec, signal)
  }

  async get(id: string, signal?: AbortSignal): Promise<Key> {
    return await this.#of(id).get(id, signal)
  }

  /** Without the fixed key, which is nobody's to delete. */
  async list(signal?: AbortSignal): Promise<readonly string[]> {
    return await this.#keys.list(signal)
  }

  async delete(id: string, signal?: AbortSignal): Promise<Change> {
    return await this.#of(id).delete(id, signal)
  }

  #of(id: string): KeyManager {
    return id === FIXED_KEY_ID ? this.#fixed : this.#keys
  }
}
