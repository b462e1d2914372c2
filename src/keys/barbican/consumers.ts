import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import { checkUuid } from '#src/core/names.ts'
import {
  addConsumer,
  CONSUMERS_MICROVERSION,
  type Consumer,
  listConsumers,
  removeConsumer,
  sameConsumer,
} from '#src/openstack/barbican/consumers.ts'
import { getMicroversions, includes } from '#src/openstack/barbican/version.ts'
import type { ServiceClient } from '#src/openstack/service-client.ts'
import { inWordsOfPort, isAbsent } from './errors.ts'

const consumerOf = (volumeId: string): Consumer => ({
  service: 'holdfast',
  resourceType: 'volume',
  resourceId: volumeId,
})

/** Which volumes use a key, noted at the key manager so that nobody deletes it unawares (microversion 1.1). */
export class KeyConsumers {
  readonly #client: ServiceClient
  #supported: Promise<boolean> | undefined

  constructor(client: ServiceClient) {
    this.#client = client
  }

  /** @throws HoldfastError `key-consumers-unsupported` (unsupported), and those of the port */
  async add(keyId: string, volumeId: string, signal?: AbortSignal): Promise<Change> {
    return await inWordsOfPort(`note volume ${volumeId} as a consumer of key ${keyId}`, async () => {
      await this.#need(keyId, signal)
      const consumer = consumerOf(volumeId)
      const known = await listConsumers(this.#client, keyId, signal)
      if (known.some(one => sameConsumer(one, consumer))) return 'already'
      await addConsumer(this.#client, keyId, consumer, signal)
      return 'made'
    })
  }

  /** 'already' too if there is no such key. */
  async remove(keyId: string, volumeId: string, signal?: AbortSignal): Promise<Change> {
    return await inWordsOfPort(`forget volume ${volumeId} as a consumer of key ${keyId}`, async () => {
      await this.#need(keyId, signal)
      try {
        await removeConsumer(this.#client, keyId, consumerOf(volumeId), signal)
        return 'made'
      } catch (error) {
        if (isAbsent(error)) return 'already'
        throw error
      }
    })
  }

  /** Everybody's, not only ours. */
  async list(keyId: string, signal?: AbortSignal): Promise<readonly Consumer[]> {
    return await inWordsOfPort(`list the consumers of key ${keyId}`, async () => {
      await this.#need(keyId, signal)
      return await listConsumers(this.#client, keyId, signal)
    })
  }

  /** Where the service has no consumers nothing is refused. */
  async refuseIfUsed(keyId: string, signal?: AbortSignal): Promise<void> {
    if (!(await this.supported(signal))) return
    const used = await listConsumers(this.#client, keyId, signal)
    if (used.length === 0) return
    const names = used.slice(0, 3).map(one => `${one.resourceType} ${one.resourceId} of ${one.service}`)
    const more = used.length > names.length ? ` and ${used.length - names.length} more` : ''
    throw new HoldfastError('busy', 'key-in-use', `key ${keyId} is used by ${names.join(', ')}${more}`, {
      details: { hint: 'what it encrypts is lost with it; let its consumers let go of it first' },
    })
  }

  /** Asked once, for all callers; asked again if that failed. */
  async supported(signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    this.#supported ??= getMicroversions(this.#client).then(known => includes(known, CONSUMERS_MICROVERSION))
    try {
      return await this.#supported
    } catch (error) {
      this.#supported = undefined
      throw error
    }
  }

  async #need(keyId: string, signal: AbortSignal | undefined): Promise<void> {
    checkUuid('key', keyId)
    if (await this.supported(signal)) return
    throw new HoldfastError(
      'unsupported',
      'key-consumers-unsupported',
      `this key manager keeps no consumers of keys: it has no microversion ${CONSUMERS_MICROVERSION}`,
      { details: { hint: 'Barbican has it since release Zed' } },
    )
  }
}
