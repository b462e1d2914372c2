import type { ConnectionData, RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { ConnectionFacts, Secrets } from './connection-facts.ts'
import type { ConnectionFields } from './connection-fields.ts'

const NAME = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}'
const IMAGE = new RegExp(`^${NAME}(/${NAME}){1,2}$`)
const WORD = new RegExp(`^${NAME}$`)
/** A name, an IPv4 or an IPv6 address; the latter may come in brackets. */
const HOST = /^([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[?[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9]{1,15})?\]?)$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** What stands in a keyring file. */
const KEYRING = /^[\x20-\x7e\r\n\t]+$/

/** As Cinder's RBD driver hands it out (`cinder/volume/drivers/rbd.py` `initialize_connection`). */
export function readRbd(
  fields: ConnectionFields,
  facts: ConnectionFacts,
): { readonly data: Omit<RbdConnectionInfo['data'], keyof ConnectionData>; readonly secrets: Secrets } {
  const hosts = fields.texts('hosts', HOST, 'host names or addresses').map(host => host.replace(/^\[|\]$/g, ''))
  const ports = fields.ports('ports')
  if (hosts.length !== ports.length)
    throw fields.malformed('ports', `list of ${hosts.length}, one for each of 'hosts',`)
  const data = {
    name: imageName(fields, facts),
    ...(facts.nameId && { name_id: facts.nameId }),
    hosts,
    ports,
    cluster_name: fields.optionalText('cluster_name', WORD, 'a plain name') ?? 'ceph',
    auth_enabled: fields.flag('auth_enabled'),
    auth_username: fields.optionalText('auth_username', WORD, 'a plain name'),
    secret_uuid: fields.optionalText('secret_uuid', UUID, 'a UUID')?.toLowerCase(),
  }
  if (data.auth_enabled && data.auth_username === undefined) throw fields.malformed('auth_username', 'text')
  return { data, secrets: { keyring: fields.secret('keyring', KEYRING, 'a keyring') } }
}

/**
 * `<pool>/<image>` or `<pool>/<namespace>/<image>`. The image must be this volume's: `volume-<id>`, or `volume-<name id>` where
 * Cinder says that a migration gave it that. Whom Cinder does not tell (it tells administrators alone) is refused after such a
 * migration: an image of another volume must never be taken for this one's.
 */
function imageName(fields: ConnectionFields, { volumeId, nameId, rbdPools }: ConnectionFacts): string {
  const name = fields.text('name', IMAGE, '<pool>/<image>')
  const [pool = '', ...rest] = name.split('/')
  if (rbdPools && !rbdPools.includes(pool)) {
    throw fields.unsafe('name', `an image of pool ${rbdPools.map(each => `'${each}'`).join(' or ')}`)
  }
  const own = [volumeId, ...(nameId ? [nameId] : [])].map(id => `volume-${id}`)
  if (own.includes(rest.at(-1) ?? '')) return name
  throw fields.unsafe('name', `the image of this volume, '${own.join("' or '")}'`)
}
