import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { Key, KeyManager, KeySpec } from '#src/keys/key-manager.ts'
import type { World } from './world.ts'

interface SimKey {
  readonly algorithm: string
  readonly bitLength: number
  readonly bytes: Uint8Array
}

/** The key manager's twin: keys outlive processes and boots, as those of a service do. */
export class SimKeyManager implements KeyManager {
  readonly #world: World
  readonly #keys: Map<string, SimKey>
  /** Set by a test: the key manager is away. */
  reachable = true

  constructor(world: World) {
    this.#world = world
    this.#keys = world.slot('keys', () => new Map())
  }

  async create({ algorithm, bitLength }: KeySpec, signal?: AbortSignal): Promise<string> {
    this.#reach()
    const id = this.#world.random.uuid()
    const bytes = this.#world.random.bytes(bitLength / 8)
    await this.#world.effect(`key create ${id}`, () => this.#keys.set(id, { algorithm, bitLength, bytes }), signal)
    return id
  }

  async get(id: string, signal?: AbortSignal): Promise<Key> {
    this.#reach()
    const key = await this.#world.look(`key get ${id}`, () => this.#keys.get(id), signal)
    if (!key) throw new HoldfastError('not-found', 'key-not-found', `there is no key ${JSON.stringify(id)}`)
    const { algorithm, bitLength, bytes } = key
    return { id, algorithm, bitLength, secret: new Secret(bytes.slice()) }
  }

  async list(signal?: AbortSignal): Promise<readonly string[]> {
    this.#reach()
    return await this.#world.look('key list', () => [...this.#keys.keys()].toSorted(), signal)
  }

  async delete(id: string, signal?: AbortSignal): Promise<'made' | 'already'> {
    this.#reach()
    return await this.#world.effect(`key delete ${id}`, () => (this.#keys.delete(id) ? 'made' : 'already'), signal)
  }

  #reach(): void {
    if (this.reachable) return
    throw new HoldfastError('unavailable', 'key-manager-unavailable', 'the key manager does not answer')
  }
}
