import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import type { HttpResponse, HttpTransport } from '#src/http/transport.ts'
import type { Key, KeyManager, KeySpec } from '../key-manager.ts'
import { isAbsent, malformed, wordsOf } from './errors.ts'
import { encodedPath, type VaultOptions } from './options.ts'
import { bodyOf, keyOf } from './record.ts'
import { VaultClient } from './vault-client.ts'

/**
 * Keys in Vault's KV secrets engine, version 1 or 2, as castellan keeps them there: an entry each, named by the id without its
 * dashes. Ids are UUIDs here, and are taken in either form. Nothing is ever overwritten.
 */
export class VaultKeyManager implements KeyManager {
  readonly #host: Pick<Host, 'files' | 'clock' | 'random'>
  readonly #options: VaultOptions
  readonly #client: VaultClient
  readonly #mount: string
  readonly #folder: string

  /** @throws HoldfastError `vault-path-invalid` (invalid-input) */
  constructor(host: Pick<Host, 'files' | 'clock' | 'random'>, transport: HttpTransport, options: VaultOptions) {
    this.#host = host
    this.#options = options
    this.#client = new VaultClient(host, transport, options)
    this.#mount = encodedPath('mount', options.mount)
    this.#folder = options.path === undefined ? '' : `${encodedPath('path', options.path)}/`
  }

  async create(spec: KeySpec, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    const id = this.#host.random.uuid()
    using key = new Secret(this.#host.random.bytes(spec.bitLength / 8))
    using body = bodyOf(this.#options.version, spec, key, this.#host.clock.now())
    const what = `store key ${id}`
    const call = { what, method: 'POST', path: this.#data(id), body: body.reveal(), signal } as const
    const response = await this.#client.call(call, (answer, repeated) => repeated && isOurOwn(answer))
    this.#checkWritten(what, response)
    return id
  }

  async get(id: string, signal?: AbortSignal): Promise<Key> {
    signal?.throwIfAborted()
    const uuid = uuidOf(id)
    if (uuid === undefined) throw this.#notFound(id)
    const response = await this.#read(uuid, this.#data(uuid), signal)
    if (!response) throw this.#notFound(uuid)
    return keyOf(this.#options.version, uuid, response.body)
  }

  /** Ids of all entries of that folder that are named like keys. */
  async list(signal?: AbortSignal): Promise<readonly string[]> {
    signal?.throwIfAborted()
    const what = 'list its keys'
    const path = `${this.#path('metadata')}?list=true`
    const response = await this.#client.call({ what, method: 'GET', path, signal })
    if (isAbsent(response)) return []
    const names = namesOf(what, response)
    return names.flatMap(name => (/^[0-9a-f]{32}$/.test(name) ? [dashed(name)] : [])).sort()
  }

  /** With all its versions, for good. The token needs `read` of what is deleted (version 2: of its metadata), too. */
  async delete(id: string, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    const uuid = uuidOf(id)
    if (uuid === undefined) return 'already'
    const path = `${this.#path('metadata')}${nameOf(uuid)}`
    const response = await this.#read(uuid, path, signal)
    response?.body.fill(0)
    if (!response) return 'already'
    await this.#client.call({ what: `delete key ${uuid}`, method: 'DELETE', path, signal })
    return 'made'
  }

  /** Gives back the token of a login. */
  async close(): Promise<void> {
    await this.#client.session.close()
  }

  async #read(uuid: string, path: string, signal: AbortSignal | undefined): Promise<HttpResponse | undefined> {
    const what = `give key ${uuid}`
    const response = await this.#client.call({ what, method: 'GET', path, signal })
    return isAbsent(response) ? undefined : response
  }

  #data(uuid: string): string {
    return `${this.#path('data')}${nameOf(uuid)}`
  }

  /** Ends with a slash. Version 1 knows no such parts. */
  #path(part: 'data' | 'metadata'): string {
    return `${this.#mount}/${this.#options.version === 2 ? `${part}/` : ''}${this.#folder}`
  }

  /** Version 2 tells the version that it wrote. A mount of version 1 takes any path, and would keep the key where none is sought. */
  #checkWritten(what: string, { status }: HttpResponse): void {
    const { version, mount } = this.#options
    if (version === 1 || status === 200 || status === 400) return
    throw new HoldfastError(
      'invalid-input',
      'vault-path-wrong',
      `Vault, asked to ${what}, did not answer as KV version 2 does: mount ${mount} seems to be of version 1`,
      { details: { left: 'an entry that no key is read from', hint: "compare the version with Vault's mounts" } },
    )
  }

  #notFound(id: string): HoldfastError {
    const { mount, path } = this.#options
    const where = path === undefined ? mount : `${mount}/${path}`
    const shown = JSON.stringify(id.slice(0, 60))
    return new HoldfastError('not-found', 'key-not-found', `there is no key ${shown} in Vault below ${where}`, {
      details: { hint: 'it was deleted, or it lies below another mount or path' },
    })
  }
}

/** The id is random and only ours: if it is taken when we write again, our own first try took it. */
const isOurOwn = (response: HttpResponse): boolean =>
  response.status === 400 && wordsOf(response).some(words => words.includes('check-and-set'))

const nameOf = (uuid: string): string => uuid.replaceAll('-', '')

const dashed = (name: string): string => name.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

const uuidOf = (id: string): string | undefined =>
  isUuid(id) ? id : /^[0-9a-f]{32}$/.test(id) ? dashed(id) : undefined

function namesOf(what: string, response: HttpResponse): readonly string[] {
  const names = (fieldsOf(what, response).data as { keys?: unknown } | null)?.keys
  if (Array.isArray(names) && names.every(name => typeof name === 'string')) return names
  throw malformed(what, 'has no list of keys')
}

function fieldsOf(what: string, response: HttpResponse): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(response.body).toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw malformed(what, 'is not JSON')
}
