import { createHash } from 'node:crypto'
import type { World } from './world.ts'
import { hashOf } from './world.ts'

/** A Ceph cluster that a simulated world can reach. Its images are files of kind `network` at `rbd:<pool>/<image>`. */
export interface SimCeph {
  /** `10.0.0.11:6789`; one of them is enough. */
  readonly monitors: Set<string>
  /** Keys by user. */
  readonly users: Map<string, string>
}

const MONITORS: readonly string[] = ['10.0.0.11:6789', '10.0.0.12:6789', '10.0.0.13:6789']

/** As Ceph writes keys. */
const CINDER_KEY = 'AQAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAA=='

/** The cluster of this world, with the user `cinder`. */
export const simCeph = (world: World): SimCeph =>
  world.slot('ceph', () => ({ monitors: new Set(MONITORS), users: new Map([['cinder', CINDER_KEY]]) }))

/** What an operator puts on a host: the keyring of a user. */
export function addKeyring(world: World, user: string, key = simCeph(world).users.get(user)): void {
  const bytes = new TextEncoder().encode(`[client.${user}]\n\tkey = ${key}\n`)
  world.addFile(keyringPath('ceph', user), { sizeBytes: bytes.length, bytes })
}

export const keyringPath = (cluster: string, user: string): string => `/etc/ceph/${cluster}.client.${user}.keyring`

/** Hash of the user's key as the cluster has it; undefined: there is no such user. */
export function cephKeyHash(world: World, user: string): string | undefined {
  const key = simCeph(world).users.get(user)
  return key === undefined ? undefined : hashOf(new TextEncoder().encode(key))
}

/** UUID of the libvirt secret that holds the key for one volume (`src/connectors/rbd/network-disk.ts`). */
export function cephSecretUuid(volumeId: string): string {
  const bytes = createHash('sha256').update(`holdfast ceph key of volume ${volumeId}`).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const USAGE = 'holdfast '

export const cephUsage = (volumeId: string): string => `${USAGE}${volumeId}`

/** The volume that such a secret is for; undefined: it is none of ours. */
export function volumeOfCephSecret(secret: { readonly uuid: string; readonly usage: string }): string | undefined {
  const volumeId = secret.usage.startsWith(USAGE) ? secret.usage.slice(USAGE.length) : ''
  return cephSecretUuid(volumeId) === secret.uuid ? volumeId : undefined
}
