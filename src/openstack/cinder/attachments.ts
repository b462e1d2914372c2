import type { ServiceClient } from '../service-client.ts'
import { type CallOptions, fetchOne } from './call.ts'
import { allOf, itemsOf, type Listing, type ListOptions } from './paging.ts'
import type { CinderAttachment, CinderAttachmentSummary } from './records.ts'
import { attachmentBody, COMPLETE, type Connector, connectorBody, type NewAttachment } from './requests.ts'
import { parseAttachment, parseAttachmentSummary } from './schema.ts'
import { ATTACHMENTS, attachmentActionUrl, attachmentUrl } from './urls.ts'

/** There are attachments from 3.27 on, and completion from 3.44 on. */
export const ATTACHMENTS_MICROVERSION = '3.44'

/** This list has no links to its next page. */
const LISTING: Listing<CinderAttachmentSummary> = {
  path: ATTACHMENTS,
  key: 'attachments',
  what: 'attachment',
  parse: parseAttachmentSummary,
}

const microversion = ATTACHMENTS_MICROVERSION

/** Filters go into `query`: `volume_id`, `instance_id`; only those of the own project without `all_tenants`. */
export const listAttachments = (
  client: ServiceClient,
  options?: ListOptions,
): AsyncGenerator<CinderAttachmentSummary, void> => itemsOf(client, LISTING, { microversion, ...options })

export const allAttachments = async (
  client: ServiceClient,
  options?: ListOptions,
): Promise<readonly CinderAttachmentSummary[]> => allOf(client, LISTING, { microversion, ...options })

export const getAttachment = async (
  client: ServiceClient,
  id: string,
  options: CallOptions = {},
): Promise<CinderAttachment> =>
  fetchOne(client, { microversion, ...options, method: 'GET', path: attachmentUrl(id) }, 'attachment', parseAttachment)

/** With a connector the volume is exported before the reply comes. Never sent again once it may have been received. */
export const createAttachment = async (
  client: ServiceClient,
  attachment: NewAttachment,
  options: CallOptions = {},
): Promise<CinderAttachment> =>
  fetchOne(
    client,
    {
      okStatuses: [200, 202],
      microversion,
      ...options,
      method: 'POST',
      path: ATTACHMENTS,
      json: attachmentBody(attachment),
    },
    'attachment',
    parseAttachment,
  )

/** Exports the volume to this connector. The reply shows the status from before. */
export const updateAttachment = async (
  client: ServiceClient,
  id: string,
  connector: Connector,
  options: CallOptions = {},
): Promise<CinderAttachment> =>
  fetchOne(
    client,
    {
      okStatuses: [200],
      microversion,
      ...options,
      method: 'PUT',
      path: attachmentUrl(id),
      json: connectorBody(connector),
    },
    'attachment',
    parseAttachment,
  )

/** The service does so from any status, also of what was never connected. */
export async function completeAttachment(client: ServiceClient, id: string, options: CallOptions = {}): Promise<void> {
  const path = attachmentActionUrl(id)
  await client.send({ okStatuses: [204, 200, 202], microversion, ...options, method: 'POST', path, json: COMPLETE })
}

export async function deleteAttachment(client: ServiceClient, id: string, options: CallOptions = {}): Promise<void> {
  await client.send({
    okStatuses: [200, 202, 204],
    microversion,
    ...options,
    method: 'DELETE',
    path: attachmentUrl(id),
  })
}
