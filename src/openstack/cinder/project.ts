import type { ServiceClient } from '../service-client.ts'
import type { CallOptions } from './call.ts'
import { At } from './fields.ts'
import { allOf, type Listing, type ListOptions } from './paging.ts'
import type { CinderMessage } from './records.ts'
import { parseLimits, parseMessage } from './schema.ts'
import { LIMITS, MESSAGES } from './urls.ts'

/** There are messages from this microversion on, and filters of them from 3.5 on. */
export const MESSAGES_MICROVERSION = '3.5'

const LISTING: Listing<CinderMessage> = {
  path: MESSAGES,
  key: 'messages',
  linksKey: 'messages_links',
  what: 'message',
  parse: parseMessage,
}

/** What went wrong after a request had been accepted. Filters go into `query`: `resource_uuid`. */
export const allMessages = async (client: ServiceClient, options?: ListOptions): Promise<readonly CinderMessage[]> =>
  allOf(client, LISTING, { microversion: MESSAGES_MICROVERSION, ...options })

/** The project's quotas and what is used of them, by the names that the service gives. */
export async function getLimits(
  client: ServiceClient,
  options: CallOptions = {},
): Promise<Readonly<Record<string, number>>> {
  const reply = await client.send({ ...options, method: 'GET', path: LIMITS })
  return parseLimits(reply.json(), new At('limits', reply))
}
