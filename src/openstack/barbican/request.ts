import { checkUuid } from '#src/core/names.ts'
import type { ServiceClient, ServiceReply, ServiceRequest } from '../service-client.ts'

/** Endpoints are catalogued with the version and without. */
export async function send(client: ServiceClient, request: ServiceRequest): Promise<ServiceReply> {
  const versioned = /\/v1\/?$/.test(await client.endpoint(request.signal))
  return await client.send(versioned ? request : { ...request, path: `v1/${request.path}` })
}

/** @throws HoldfastError `invalid-id`, before anything is sent */
export const secretPath = (id: string, part?: 'payload' | 'consumers'): string =>
  `secrets/${checkUuid('secret', id)}${part === undefined ? '' : `/${part}`}`

/** @throws HoldfastError `invalid-id`, before anything is sent */
export const orderPath = (id: string): string => `orders/${checkUuid('order', id)}`
