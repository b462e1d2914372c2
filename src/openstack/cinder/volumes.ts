import type { ServiceClient } from '../service-client.ts'
import { type CallOptions, fetchOne } from './call.ts'
import { At, object, text } from './fields.ts'
import { allOf, itemsOf, type Listing, type ListOptions, pagesOf } from './paging.ts'
import type { CinderEncryption, CinderVolume } from './records.ts'
import { type Connector, type NewVolume, volumeActions, volumeBody } from './requests.ts'
import { parseEncryption, parseVolume } from './schema.ts'
import { VOLUMES, VOLUMES_DETAIL, volumeActionUrl, volumeEncryptionUrl, volumeUrl } from './urls.ts'

const LISTING: Listing<CinderVolume> = {
  path: VOLUMES_DETAIL,
  key: 'volumes',
  linksKey: 'volumes_links',
  what: 'volume',
  parse: parseVolume,
}

/** One after another, page by page. Filters go into `query`: `name`, `status`, `all_tenants` … */
export const listVolumes = (client: ServiceClient, options?: ListOptions): AsyncGenerator<CinderVolume, void> =>
  itemsOf(client, LISTING, options)

/** The same, as many at a time as they came. */
export const volumePages = (
  client: ServiceClient,
  options?: ListOptions,
): AsyncGenerator<readonly CinderVolume[], void> => pagesOf(client, LISTING, options)

export const allVolumes = async (client: ServiceClient, options?: ListOptions): Promise<readonly CinderVolume[]> =>
  allOf(client, LISTING, options)

export const getVolume = async (client: ServiceClient, id: string, options: CallOptions = {}): Promise<CinderVolume> =>
  fetchOne(client, { ...options, method: 'GET', path: volumeUrl(id) }, 'volume', parseVolume)

/** Accepted: the volume is `creating`. Never sent again once it may have been received. */
export const createVolume = async (
  client: ServiceClient,
  volume: NewVolume,
  options: CallOptions = {},
): Promise<CinderVolume> =>
  fetchOne(
    client,
    { okStatuses: [202, 200], ...options, method: 'POST', path: VOLUMES, json: volumeBody(volume) },
    'volume',
    parseVolume,
  )

/** Accepted: the volume is `deleting`. */
export async function deleteVolume(client: ServiceClient, id: string, options: CallOptions = {}): Promise<void> {
  await client.send({ okStatuses: [202, 204], ...options, method: 'DELETE', path: volumeUrl(id) })
}

export async function getEncryption(
  client: ServiceClient,
  volumeId: string,
  options: CallOptions = {},
): Promise<CinderEncryption> {
  const reply = await client.send({ ...options, method: 'GET', path: volumeEncryptionUrl(volumeId) })
  return parseEncryption(reply.json(), new At('encryption', reply))
}

/** `POST volumes/{id}/action`, one for each. None is sent again by itself once it may have been received. */
const act =
  <Args extends readonly unknown[]>(body: (...args: Args) => object) =>
  async (client: ServiceClient, volumeId: string, args: Args, options: CallOptions = {}): Promise<void> => {
    await client.send({
      okStatuses: [202, 200, 204],
      ...options,
      method: 'POST',
      path: volumeActionUrl(volumeId),
      json: body(...args),
    })
  }

export const reserveVolume = act(volumeActions.reserve)
export const unreserveVolume = act(volumeActions.unreserve)
export const beginDetaching = act(volumeActions.beginDetaching)
export const rollDetaching = act(volumeActions.rollDetaching)
export const attachVolume = act(volumeActions.attach)
export const detachVolume = act(volumeActions.detach)
export const terminateConnection = act(volumeActions.terminateConnection)
/** GiB. With microversion 3.42 also of a volume that is in use. */
export const extendVolume = act(volumeActions.extend)
export const reimageVolume = act((imageId: string, reimageReserved: boolean) =>
  volumeActions.reimage(imageId, reimageReserved),
)

/** `{driver_volume_type, data}` as the backend's driver made it, not checked further. */
export const initializeConnection = async (
  client: ServiceClient,
  volumeId: string,
  connector: Connector,
  options: CallOptions = {},
): Promise<Readonly<Record<string, unknown>>> =>
  fetchOne(
    client,
    {
      okStatuses: [200],
      ...options,
      method: 'POST',
      path: volumeActionUrl(volumeId),
      json: volumeActions.initializeConnection(connector),
    },
    'connection_info',
    value => value as Readonly<Record<string, unknown>>,
  )

/** Gives the id of the volume that goes on. */
export async function migrateVolumeCompletion(
  client: ServiceClient,
  oldId: string,
  newId: string,
  error: boolean,
  options: CallOptions = {},
): Promise<string> {
  const reply = await client.send({
    okStatuses: [200],
    ...options,
    method: 'POST',
    path: volumeActionUrl(oldId),
    json: volumeActions.migrateVolumeCompletion(newId, error),
  })
  const at = new At('completion', reply)
  return text(object(reply.json(), 'reply', at).save_volume_id, 'save_volume_id', at)
}
