import { passphraseOf } from '#src/core/secret.ts'
import type { SimVolumeOptions, SimVolumeState } from './volume-state.ts'
import { hashOf } from './world.ts'

/** Keys of simulated volumes: as with the real ones, a key that could not be used or recorded is deleted again. */
export class SimVolumeKeys {
  readonly #state: SimVolumeState
  readonly #keys: SimVolumeOptions['keys']
  /** Made by this process, and not yet recorded. */
  readonly #unrecorded = new Set<string>()

  constructor(state: SimVolumeState, keys: SimVolumeOptions['keys']) {
    this.#state = state
    this.#keys = keys
  }

  /** A new key for `use`, which records it. Which keys there were is recorded before: so one whose id was lost is found. */
  async make<T>(use: (key: { id: string; hash: string }) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = (await this.#keys.list?.(signal)) ?? []
    this.#state.keysBefore.add(before)
    let id: string | undefined
    try {
      id = await this.#keys.create({ algorithm: 'aes', bitLength: 256 }, signal)
      this.#unrecorded.add(id)
      return await use({ id, hash: await this.#hash(id, signal) })
    } catch (error) {
      if (id !== undefined) this.#unrecorded.delete(id)
      for (const lost of id === undefined ? await this.#lost(before) : this.#unused([id])) await this.#keys.delete(lost)
      throw error
    } finally {
      if (id !== undefined) this.#unrecorded.delete(id)
      this.#state.keysBefore.delete(before)
    }
  }

  async #hash(id: string, signal?: AbortSignal): Promise<string> {
    using secret = (await this.#keys.get(id, signal)).secret
    using passphrase = passphraseOf(secret)
    return hashOf(passphrase)
  }

  async #lost(before: readonly string[]): Promise<readonly string[]> {
    const now = (await this.#keys.list?.()) ?? []
    return this.#unused(now).filter(id => !before.includes(id) && !this.#unrecorded.has(id))
  }

  #unused(ids: readonly string[]): readonly string[] {
    const used = new Set([...this.#state.volumes.values()].map(({ keyId }) => keyId))
    return ids.filter(id => !used.has(id))
  }

  /** Deletes what a dead process had made and not recorded. */
  async recover(): Promise<void> {
    for (const before of [...this.#state.keysBefore]) {
      for (const id of await this.#lost(before)) await this.#keys.delete(id)
      this.#state.keysBefore.delete(before)
    }
  }
}
