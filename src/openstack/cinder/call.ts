import type { ServiceClient, ServiceReply, ServiceRequest } from '../service-client.ts'
import { At, object } from './fields.ts'

/** What a caller may say of any request. */
export type CallOptions = Pick<
  ServiceRequest,
  'microversion' | 'deadlineMs' | 'idempotent' | 'retryStatuses' | 'signal'
>

/** The object under this key of the reply, read. */
export async function fetchOne<T>(
  client: ServiceClient,
  request: ServiceRequest,
  key: string,
  parse: (value: unknown, at: At) => T,
): Promise<T> {
  return readOne(await client.send(request), key, parse)
}

export function readOne<T>(reply: ServiceReply, key: string, parse: (value: unknown, at: At) => T): T {
  const at = new At(key, reply)
  return parse(object(object(reply.json(), 'reply', at)[key], key, at), at)
}
