import { HoldfastError } from '#src/core/error.ts'
import { passphraseOf, type Secret } from '#src/core/secret.ts'
import type { Catalog } from './catalog.ts'
import type { VolumeKeys } from './settings.ts'

/** Whose key it is: a row of this table. */
export interface KeyOwner {
  readonly table: 'volumes' | 'snapshots'
  readonly id: string
}

/** The keys of volumes and snapshots: each has one of its own, made with it and deleted with it. */
export class Keyring {
  readonly #catalog: Catalog
  readonly #keys: VolumeKeys

  constructor(catalog: Catalog, keys: VolumeKeys) {
    this.#catalog = catalog
    this.#keys = keys
  }

  /** Before the key is made it is recorded which keys there were: so one whose id was never recorded can be found. */
  async create(owner: KeyOwner, signal: AbortSignal | undefined): Promise<string> {
    const before = await this.#keys.list?.(signal)
    this.#record(owner, null, before === undefined ? null : JSON.stringify(before))
    const name = `${owner.table === 'volumes' ? 'volume' : 'snapshot'}-${owner.id}`
    const keyId = await this.#keys.create({ algorithm: 'aes', bitLength: 256, name }, signal)
    this.#record(owner, keyId, null)
    return keyId
  }

  #record({ table, id }: KeyOwner, keyId: string | null, before: string | null): void {
    this.#catalog.db.run(`UPDATE ${table} SET key_id = :keyId, keys_before = :before WHERE id = :id`, {
      id,
      keyId,
      before,
    })
  }

  /** The passphrase that opens the header: the caller wipes it. */
  async passphrase(keyId: string, signal: AbortSignal | undefined): Promise<Secret> {
    const { secret } = await this.#keys.get(keyId, signal)
    try {
      return passphraseOf(secret)
    } finally {
      secret.wipe()
    }
  }

  /** Deletes the owner's key, if it has one, and one whose id was lost on the way. Idempotent. */
  async discard(owner: KeyOwner): Promise<void> {
    const row = this.#catalog.db.get(`SELECT id, key_id, keys_before FROM ${owner.table} WHERE id = :id`, {
      id: owner.id,
    })
    if (!row) return
    const keyId = row.textOrNull('key_id') ?? undefined
    const doomed = keyId === undefined ? await this.#lost(row.textOrNull('keys_before')) : [keyId]
    for (const id of doomed) await this.#keys.delete(id)
    this.#record(owner, null, null)
  }

  async #lost(before: string | null): Promise<readonly string[]> {
    if (before === null || !this.#keys.list) return []
    const known: unknown = JSON.parse(before)
    if (!Array.isArray(known)) throw new HoldfastError('corrupt', 'state-corrupt', 'the recorded list of keys is none')
    const used = new Set([...known, ...this.#used()])
    return (await this.#keys.list()).filter(id => !used.has(id))
  }

  #used(): string[] {
    const sql = `SELECT key_id FROM volumes WHERE key_id IS NOT NULL
      UNION ALL SELECT key_id FROM snapshots WHERE key_id IS NOT NULL`
    return this.#catalog.db.all(sql).map(row => row.text('key_id'))
  }
}
