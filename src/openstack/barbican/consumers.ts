import type { ServiceClient } from '../service-client.ts'
import { AnswerReader } from './fields.ts'
import { allPages, type Page } from './pages.ts'
import { secretPath, send } from './request.ts'

/** Who uses a secret, as far as they said so. */
export interface Consumer {
  /** Official type of their service: `block-storage`. */
  readonly service: string
  /** `volumes` */
  readonly resourceType: string
  readonly resourceId: string
}

/** Since then secrets have consumers. */
export const CONSUMERS_MICROVERSION = '1.1'

const wire = (consumer: Consumer) => ({
  service: consumer.service,
  resource_type: consumer.resourceType,
  resource_id: consumer.resourceId,
})

export const sameConsumer = (a: Consumer, b: Consumer): boolean =>
  a.service === b.service && a.resourceType === b.resourceType && a.resourceId === b.resourceId

/** Idempotent: the server keeps one of the same. */
export async function addConsumer(
  client: ServiceClient,
  secretId: string,
  consumer: Consumer,
  signal?: AbortSignal,
): Promise<void> {
  const path = secretPath(secretId, 'consumers')
  const microversion = CONSUMERS_MICROVERSION
  await send(client, { method: 'POST', path, json: wire(consumer), microversion, idempotent: true, signal })
}

/** 404 if it is no consumer, or if there is no such secret. */
export async function removeConsumer(
  client: ServiceClient,
  secretId: string,
  consumer: Consumer,
  signal?: AbortSignal,
): Promise<void> {
  const path = secretPath(secretId, 'consumers')
  const microversion = CONSUMERS_MICROVERSION
  await send(client, { method: 'DELETE', path, json: wire(consumer), microversion, signal })
}

export async function listConsumers(
  client: ServiceClient,
  secretId: string,
  signal?: AbortSignal,
): Promise<readonly Consumer[]> {
  const path = secretPath(secretId, 'consumers')
  const page = async (limit: number, offset: number): Promise<Page<Consumer>> => {
    const query = { limit, offset }
    const reply = await send(client, { method: 'GET', path, query, microversion: CONSUMERS_MICROVERSION, signal })
    const read = new AnswerReader(`the consumers of secret ${secretId}`, reply)
    const fields = read.object(reply.json())
    const items = read.list(fields, 'consumers').map(item => consumerOf(read, item))
    return { items, total: read.count(fields, 'total') }
  }
  return await allPages(`consumers of secret ${secretId}`, item => JSON.stringify(item), page)
}

function consumerOf(read: AnswerReader, value: unknown): Consumer {
  const fields = read.object(value)
  return {
    service: read.text(fields, 'service'),
    resourceType: read.text(fields, 'resource_type'),
    resourceId: read.text(fields, 'resource_id'),
  }
}
