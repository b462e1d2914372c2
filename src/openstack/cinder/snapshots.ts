import type { ServiceClient } from '../service-client.ts'
import { type CallOptions, fetchOne } from './call.ts'
import { allOf, itemsOf, type Listing, type ListOptions } from './paging.ts'
import type { CinderSnapshot } from './records.ts'
import { type NewSnapshot, snapshotBody, snapshotStatusBody } from './requests.ts'
import { parseSnapshot } from './schema.ts'
import { SNAPSHOTS, SNAPSHOTS_DETAIL, snapshotActionUrl, snapshotUrl } from './urls.ts'

const LISTING: Listing<CinderSnapshot> = {
  path: SNAPSHOTS_DETAIL,
  key: 'snapshots',
  linksKey: 'snapshots_links',
  what: 'snapshot',
  parse: parseSnapshot,
}

export const listSnapshots = (client: ServiceClient, options?: ListOptions): AsyncGenerator<CinderSnapshot, void> =>
  itemsOf(client, LISTING, options)

export const allSnapshots = async (client: ServiceClient, options?: ListOptions): Promise<readonly CinderSnapshot[]> =>
  allOf(client, LISTING, options)

export const getSnapshot = async (
  client: ServiceClient,
  id: string,
  options: CallOptions = {},
): Promise<CinderSnapshot> =>
  fetchOne(client, { ...options, method: 'GET', path: snapshotUrl(id) }, 'snapshot', parseSnapshot)

/** Accepted: the snapshot is `creating`. Never sent again once it may have been received. */
export const createSnapshot = async (
  client: ServiceClient,
  snapshot: NewSnapshot,
  options: CallOptions = {},
): Promise<CinderSnapshot> =>
  fetchOne(
    client,
    { okStatuses: [202, 200], ...options, method: 'POST', path: SNAPSHOTS, json: snapshotBody(snapshot) },
    'snapshot',
    parseSnapshot,
  )

/** Accepted: the snapshot is `deleting`. */
export async function deleteSnapshot(client: ServiceClient, id: string, options: CallOptions = {}): Promise<void> {
  await client.send({ okStatuses: [202, 204], ...options, method: 'DELETE', path: snapshotUrl(id) })
}

/** Of file based snapshots, whose data the compute host makes: `creating` to available or error, `deleting` to error_deleting. */
export async function updateSnapshotStatus(
  client: ServiceClient,
  id: string,
  status: string,
  options: CallOptions = {},
): Promise<void> {
  const json = snapshotStatusBody(status)
  await client.send({ okStatuses: [202], ...options, method: 'POST', path: snapshotActionUrl(id), json })
}
