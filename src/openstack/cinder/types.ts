import type { ServiceClient } from '../service-client.ts'
import { type CallOptions, fetchOne } from './call.ts'
import { At } from './fields.ts'
import { allOf, itemsOf, type Listing, type ListOptions } from './paging.ts'
import type { CinderTypeEncryption, CinderVolumeType } from './records.ts'
import { type NewTypeEncryption, type NewVolumeType, typeBody, typeEncryptionBody } from './requests.ts'
import { parseTypeEncryption, parseVolumeType } from './schema.ts'
import { TYPES, typeEncryptionUrl, typeUrl } from './urls.ts'

/** The links are called after one type, unlike those of other lists. */
const LISTING: Listing<CinderVolumeType> = {
  path: TYPES,
  key: 'volume_types',
  linksKey: 'volume_type_links',
  what: 'volume type',
  parse: parseVolumeType,
}

const PUBLIC_AND_PRIVATE = { is_public: 'None' }

/** Public and private ones, as far as these credentials may see them. */
export const listVolumeTypes = (
  client: ServiceClient,
  options: ListOptions = {},
): AsyncGenerator<CinderVolumeType, void> =>
  itemsOf(client, LISTING, { ...options, query: { ...PUBLIC_AND_PRIVATE, ...options.query } })

export const allVolumeTypes = async (
  client: ServiceClient,
  options: ListOptions = {},
): Promise<readonly CinderVolumeType[]> =>
  allOf(client, LISTING, { ...options, query: { ...PUBLIC_AND_PRIVATE, ...options.query } })

/** For administrators. */
export const createVolumeType = async (
  client: ServiceClient,
  type: NewVolumeType,
  options: CallOptions = {},
): Promise<CinderVolumeType> =>
  fetchOne(
    client,
    { okStatuses: [200, 202], ...options, method: 'POST', path: TYPES, json: typeBody(type) },
    'volume_type',
    parseVolumeType,
  )

export async function deleteVolumeType(client: ServiceClient, id: string, options: CallOptions = {}): Promise<void> {
  await client.send({ okStatuses: [202, 204], ...options, method: 'DELETE', path: typeUrl(id) })
}

/** For administrators; undefined for a type that is not encrypted. */
export async function getTypeEncryption(
  client: ServiceClient,
  typeId: string,
  options: CallOptions = {},
): Promise<CinderTypeEncryption | undefined> {
  const reply = await client.send({ ...options, method: 'GET', path: typeEncryptionUrl(typeId) })
  return parseTypeEncryption(reply.json(), new At('encryption', reply))
}

/** For administrators, and before any volume has the type. */
export async function createTypeEncryption(
  client: ServiceClient,
  typeId: string,
  encryption: NewTypeEncryption,
  options: CallOptions = {},
): Promise<void> {
  const json = typeEncryptionBody(encryption)
  await client.send({ okStatuses: [200, 202], ...options, method: 'POST', path: typeEncryptionUrl(typeId), json })
}
