import { isUuid } from '#src/core/names.ts'
import { allMessages, MESSAGES_MICROVERSION } from '#src/openstack/cinder/index.ts'
import type { Cinder } from './cinder.ts'

/** What Cinder has to say of requests that it had accepted and that failed later. */
export class Messages {
  readonly #cinder: Cinder

  constructor(cinder: Cinder) {
    this.#cinder = cinder
  }

  /** Of a volume or a snapshot, the newest first; none where the service has no messages, or may not tell. */
  async of(resourceId: string, signal?: AbortSignal): Promise<readonly string[]> {
    if (!isUuid(resourceId) || !(await this.#cinder.has(MESSAGES_MICROVERSION, signal))) return []
    const options = { ...this.#cinder.queryOptions(signal), query: { resource_uuid: resourceId } }
    try {
      const found = await allMessages(this.#cinder.client, options)
      return found.filter(message => message.resourceId === resourceId).map(({ userMessage }) => plain(userMessage))
    } catch (error) {
      signal?.throwIfAborted()
      return error instanceof TypeError ? Promise.reject(error) : []
    }
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come through
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 300)
