import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import { TEMPORARY_SUFFIX } from '#src/host/node-files.ts'
import { inWordsOfPort } from '../file-failure.ts'
import type { Key, KeyManager, KeySpec } from '../key-manager.ts'
import { type MasterKeySource, readMasterKey } from './master-key.ts'
import { seal, unseal } from './sealed-key.ts'

const SUFFIX = '.key'

export interface LocalKeyManagerOptions {
  /** Absolute; made at the first key. One process at a time (the state lock sees to that). */
  readonly directory: string
  readonly masterKey: MasterKeySource
}

/**
 * Keys as files of this host, one each, sealed under a master key that is read whenever it is needed and wiped at once.
 * A power cut leaves a key whole or absent.
 */
export class LocalKeyManager implements KeyManager {
  readonly #host: Host
  readonly #options: LocalKeyManagerOptions
  #cleaned: Promise<void> | undefined

  constructor(host: Host, options: LocalKeyManagerOptions) {
    this.#host = host
    this.#options = options
  }

  async create(spec: KeySpec, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    const { files, random } = this.#host
    return await inWordsOfPort(async () => {
      using master = await readMasterKey(this.#host, this.#options.masterKey)
      await files.makeDirectory(this.#options.directory, 0o700)
      await this.#clean()
      const id = random.uuid()
      using secret = new Secret(random.bytes(spec.bitLength / 8))
      await files.writeAtomic(this.#path(id), seal(id, spec, secret, master, random.bytes(12)), 0o600)
      return id
    })
  }

  async get(id: string, signal?: AbortSignal): Promise<Key> {
    signal?.throwIfAborted()
    return await inWordsOfPort(async () => {
      const path = this.#path(id)
      const bytes = isUuid(id) ? await this.#host.files.read(path) : undefined
      if (!bytes) throw notFound(id, this.#options.directory)
      using master = await readMasterKey(this.#host, this.#options.masterKey)
      return unseal(id, path, bytes, master)
    })
  }

  async list(signal?: AbortSignal): Promise<readonly string[]> {
    signal?.throwIfAborted()
    const names = await inWordsOfPort(() => this.#names())
    const ids = names.filter(name => name.endsWith(SUFFIX)).map(name => name.slice(0, -SUFFIX.length))
    return ids.filter(isUuid).sort()
  }

  async delete(id: string, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    if (!isUuid(id)) return 'already'
    return (await inWordsOfPort(() => this.#host.files.remove(this.#path(id)))) ? 'made' : 'already'
  }

  #path(id: string): string {
    return `${this.#options.directory}/${id}${SUFFIX}`
  }

  async #names(): Promise<readonly string[]> {
    const { files } = this.#host
    return (await files.stat(this.#options.directory)) ? await files.list(this.#options.directory) : []
  }

  /** Removes, once, what a process that died while writing left behind. */
  #clean(): Promise<void> {
    this.#cleaned ??= (async () => {
      const left = (await this.#names()).filter(name => name.endsWith(TEMPORARY_SUFFIX))
      for (const name of left) await this.#host.files.remove(`${this.#options.directory}/${name}`)
    })()
    return this.#cleaned
  }
}

const notFound = (id: string, directory: string) =>
  new HoldfastError('not-found', 'key-not-found', `there is no key ${id.slice(0, 60)} in ${directory}`, {
    details: { hint: 'restore its file from a backup of the key store' },
  })
