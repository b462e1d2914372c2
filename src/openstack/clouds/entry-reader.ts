import { HoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import type { DomainRef, NameInDomain } from '../keystone/credentials.ts'
import type { CloudEntry } from './cloud-entry.ts'

/**
 * Reads an entry and notes everything that is wrong with it, to be told at once. What it gives for something that is missing is
 * empty, and never seen: `done` throws then.
 */
export class EntryReader {
  readonly entry: CloudEntry
  readonly #problems: string[] = []
  readonly #hints = new Set<string>()

  constructor(entry: CloudEntry) {
    this.entry = entry
  }

  wrong(what: string, hint?: string): void {
    this.#problems.push(what)
    if (hint !== undefined) this.#hints.add(hint)
  }

  /** @throws HoldfastError `cloud-invalid` naming all that was noted */
  done(): void {
    if (this.#problems.length === 0) return
    throw new HoldfastError('invalid-input', 'cloud-invalid', `${this.entry.where}: ${this.#problems.join('; ')}`, {
      details: { hint: this.#hints.size === 0 ? undefined : [...this.#hints].join('; ') },
    })
  }

  get(...keys: readonly string[]): string | undefined {
    for (const key of keys) {
      const value = this.entry.auth[key]
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }

  secret(key: string): Secret {
    const value = this.get(key)
    if (value === undefined) this.wrong(`${key} is missing`, `${key} may stand in a secure.yaml beside clouds.yaml`)
    return new Secret(new TextEncoder().encode(value ?? ''))
  }

  user(): NameInDomain {
    const id = this.get('user_id')
    if (id !== undefined) return { id }
    const name = this.get('username', 'user_name')
    if (name === undefined) this.wrong('username is missing (or user_id)')
    return { name, domain: this.domain('user') }
  }

  domain(whose: 'user' | 'project'): DomainRef {
    const id = this.get(`${whose}_domain_id`)
    if (id !== undefined) return { id }
    const name = this.get(`${whose}_domain_name`)
    return name === undefined ? this.#usualDomain(whose) : { name }
  }

  #usualDomain(whose: 'user' | 'project'): DomainRef {
    const id = this.get('default_domain_id', 'default_domain')
    if (id !== undefined) return { id }
    const name = this.get('default_domain_name')
    if (name === undefined) this.wrong(`${whose}_domain_name is missing`, "a domain's name is often 'Default'")
    return { name }
  }
}
