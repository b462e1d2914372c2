import type { Change } from '#src/core/change.ts'
import { asHoldfastError, HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import { OUTCOME_UNKNOWN } from '#src/http/transport.ts'
import { awaitKey, createKeyOrder, deleteOrder } from '#src/openstack/barbican/orders.ts'
import { createSecret, deleteSecret, getPayload, getSecret, listSecrets } from '#src/openstack/barbican/secrets.ts'
import type { ServiceClient } from '#src/openstack/service-client.ts'
import type { Key, KeyManager, KeySpec } from '../key-manager.ts'
import { KeyConsumers } from './consumers.ts'
import { inWordsOfPort, isAbsent } from './errors.ts'
import { keyOf, mayBeKey, payloadType } from './payload.ts'

export interface BarbicanOptions {
  /**
   * `order` (unless told): the service makes the key, where it keeps it. `direct`: it is made here and stored, in one request.
   */
  readonly creation?: 'order' | 'direct' | undefined
  /** For an order to be done; 60 s unless told. */
  readonly orderDeadlineMs?: number | undefined
  /** Is told of an order that could not be deleted after it made its key. It holds no key. */
  readonly onLeft?: ((error: HoldfastError) => void) | undefined
}

/** Keys at OpenStack's Key Manager service, with one project's credentials. Keys of other projects are `key-forbidden`. */
export class BarbicanKeyManager implements KeyManager {
  /** Who uses which key. */
  readonly consumers: KeyConsumers
  readonly #host: Pick<Host, 'clock' | 'random'>
  readonly #client: ServiceClient
  readonly #options: BarbicanOptions

  constructor(host: Pick<Host, 'clock' | 'random'>, client: ServiceClient, options: BarbicanOptions = {}) {
    this.#host = host
    this.#client = client
    this.#options = options
    this.consumers = new KeyConsumers(client)
  }

  /** @throws HoldfastError beside those of the port `key-order-failed`, `key-order-slow`, `key-quota` */
  async create(spec: KeySpec, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted()
    const make = this.#options.creation === 'direct' ? this.#store : this.#order
    const named = spec.name === undefined ? 'a key' : `a key '${spec.name}'`
    try {
      return await inWordsOfPort(`make ${named}`, () => make.call(this, spec, signal))
    } catch (error) {
      if (!isHoldfastError(error) || !hasCode(error.cause, OUTCOME_UNKNOWN)) throw error
      throw leftKey(error, named)
    }
  }

  async #store(spec: KeySpec, signal: AbortSignal | undefined): Promise<string> {
    using payload = new Secret(this.#host.random.bytes(spec.bitLength / 8))
    return await createSecret(this.#client, { ...spec, payload }, signal)
  }

  async #order(spec: KeySpec, signal: AbortSignal | undefined): Promise<string> {
    const order = await createKeyOrder(this.#client, spec, signal)
    const deadlineMs = this.#options.orderDeadlineMs ?? 60_000
    const id = await awaitKey(this.#client, this.#host.clock, order, deadlineMs, signal)
    await deleteOrder(this.#client, order, signal).catch(cause => this.#options.onLeft?.(leftOrder(order, id, cause)))
    return id
  }

  /** @throws HoldfastError beside those of the port `key-type-unsupported`, `key-expired` (not-found), `key-not-ready` */
  async get(id: string, signal?: AbortSignal): Promise<Key> {
    signal?.throwIfAborted()
    if (!isUuid(id)) throw notAnId(id)
    return await inWordsOfPort(`give key ${id}`, async () => {
      const facts = await getSecret(this.#client, id, signal)
      const contentType = payloadType(facts, this.#host.clock.now())
      const secret = keyOf(facts, await getPayload(this.#client, id, contentType, signal))
      return { id, algorithm: (facts.algorithm ?? facts.type).toLowerCase(), bitLength: secret.length * 8, secret }
    })
  }

  /** Secrets that can be keys of volumes, of this project, whoever made them. */
  async list(signal?: AbortSignal): Promise<readonly string[]> {
    signal?.throwIfAborted()
    const secrets = await inWordsOfPort('list its keys', () => listSecrets(this.#client, signal))
    return secrets
      .filter(mayBeKey)
      .map(secret => secret.id)
      .sort()
  }

  /** @throws HoldfastError `key-in-use` (busy) while it has consumers; the service itself would delete it */
  async delete(id: string, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    if (!isUuid(id)) return 'already'
    return await inWordsOfPort(`delete key ${id}`, async () => {
      try {
        await this.consumers.refuseIfUsed(id, signal)
        await deleteSecret(this.#client, id, signal)
        return 'made'
      } catch (error) {
        if (isAbsent(error)) return 'already'
        throw error
      }
    })
  }
}

const notAnId = (id: string) =>
  new HoldfastError('not-found', 'key-not-found', `there is no key ${JSON.stringify(id.slice(0, 60))}: that is no UUID`)

const leftKey = ({ kind, code, message, cause, details }: HoldfastError, named: string) =>
  new HoldfastError(kind, code, message, {
    cause,
    details: { ...details, left: `perhaps ${named} that nobody knows of` },
  })

const leftOrder = (order: string, key: string, cause: unknown) =>
  new HoldfastError('conflict', 'key-order-left', `the key manager keeps order ${order}, done with key ${key}`, {
    cause,
    details: {
      ...asHoldfastError(cause).details,
      left: `order ${order}`,
      hint: "it holds no key; deleting orders needs the role that the service's policy names for it",
    },
  })
