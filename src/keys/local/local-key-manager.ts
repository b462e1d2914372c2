import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import type { Key, KeyManager, KeySpec } from '../key-manager.ts'
import { readMasterKey } from './master-key.ts'
import { corrupt, NONCE_BYTES, parseSealedKey, seal, unseal } from './sealed-key.ts'

const SUFFIX = '.key'
const MODE = 0o600

export interface LocalKeyManagerOptions {
  readonly host: Host
  /** Absolute; one file for each key. Made if it is not there. */
  readonly directory: string
  /** Absolute path of the master key file. */
  readonly masterKeyFile: string
}

/**
 * The embedded key manager: each key in a file of its own, sealed with AES-256-GCM under the master key. A file is written
 * whole or not at all, so a crash leaves either no key or a good one.
 */
export class LocalKeyManager implements KeyManager {
  readonly #host: Host
  readonly #directory: string
  readonly #masterKeyFile: string

  constructor({ host, directory, masterKeyFile }: LocalKeyManagerOptions) {
    this.#host = host
    this.#directory = directory
    this.#masterKeyFile = masterKeyFile
  }

  async create({ algorithm, bitLength, name }: KeySpec): Promise<string> {
    const { random, files } = this.#host
    using master = await readMasterKey(this.#host, this.#masterKeyFile)
    using key = new Secret(random.bytes(bitLength / 8))
    const id = random.uuid()
    const stored = seal(master, id, { algorithm, bitLength, name }, key, random.bytes(NONCE_BYTES))
    await files.makeDirectory(this.#directory, 0o700)
    await files.writeAtomic(this.#path(id), new TextEncoder().encode(`${JSON.stringify(stored)}\n`), MODE)
    return id
  }

  async get(id: string): Promise<Key> {
    const path = this.#path(id)
    const bytes = isUuid(id) ? await this.#host.files.read(path) : undefined
    if (!bytes) throw new HoldfastError('not-found', 'key-not-found', `there is no key ${id} in ${this.#directory}`)
    const stored = parseSealedKey(new TextDecoder().decode(bytes), path)
    using master = await readMasterKey(this.#host, this.#masterKeyFile)
    const secret = unseal(master, id, stored, path)
    if (secret.length * 8 !== stored.bitLength) throw corrupt(path, 'its key is not of its length')
    return { id, algorithm: stored.algorithm, bitLength: stored.bitLength, secret }
  }

  async list(): Promise<readonly string[]> {
    if (!(await this.#host.files.stat(this.#directory))) return []
    const names = await this.#host.files.list(this.#directory)
    return names
      .filter(name => name.endsWith(SUFFIX))
      .map(name => name.slice(0, -SUFFIX.length))
      .filter(isUuid)
      .toSorted()
  }

  async delete(id: string): Promise<'made' | 'already'> {
    if (!isUuid(id)) return 'already'
    return (await this.#host.files.remove(this.#path(id))) ? 'made' : 'already'
  }

  #path(id: string): string {
    return `${this.#directory}/${id}${SUFFIX}`
  }
}
