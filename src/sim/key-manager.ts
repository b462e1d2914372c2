import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Key, KeyManager, KeySpec } from '#src/keys/key-manager.ts'
import type { World } from './world.ts'

export interface SimKey {
  readonly spec: KeySpec
  readonly bytes: Uint8Array
  damaged: boolean
}

/** The key manager's simulated twin. Its keys outlive process and host. */
export class SimKeyManager implements KeyManager {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** What is stored, for tests. */
  get keys(): Map<string, SimKey> {
    return this.#world.slot('keys', () => new Map<string, SimKey>())
  }

  create(spec: KeySpec, signal?: AbortSignal): Promise<string> {
    const make = () => {
      const id = this.#world.random.uuid()
      this.keys.set(id, { spec, bytes: this.#world.random.bytes(spec.bitLength / 8), damaged: false })
      return id
    }
    return this.#world.effect('keys create', make, signal)
  }

  get(id: string, signal?: AbortSignal): Promise<Key> {
    return this.#world.look(`keys get ${id}`, () => this.#get(id), signal)
  }

  #get(id: string): Key {
    const key = this.keys.get(id)
    if (!key) throw new HoldfastError('not-found', 'key-not-found', `there is no key ${id}`)
    if (key.damaged) throw new HoldfastError('corrupt', 'key-store-corrupt', `key ${id} is damaged`)
    const { algorithm, bitLength } = key.spec
    return { id, algorithm, bitLength, secret: new Secret(key.bytes.slice()) }
  }

  list(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#world.look('keys list', () => [...this.keys.keys()].sort(), signal)
  }

  delete(id: string, signal?: AbortSignal): Promise<Change> {
    return this.#world.effect(`keys delete ${id}`, () => (this.keys.delete(id) ? 'made' : 'already'), signal)
  }
}
