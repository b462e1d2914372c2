import { createHash } from 'node:crypto'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import { checkUuid, isUuid } from '#src/core/names.ts'
import { checkNetworkDisk } from '#src/host/ceph/names.ts'

const USAGE = 'holdfast '
/** Begins the description of each of our secrets; the image follows. */
const DESCRIPTION = 'Holdfast: Ceph key for '

/** What libvirt's secret for the key of one volume's user is called. */
export const usageOf = (volumeId: string): string => `${USAGE}${volumeId}`
export const descriptionOf = (path: string): string => `${DESCRIPTION}${path}`

/** The image that a secret's description names; undefined if it is none of ours. */
export function pathInDescription(description: string): string | undefined {
  return description.startsWith(DESCRIPTION) ? description.slice(DESCRIPTION.length).split(' ')[0] : undefined
}

/** The volume that a secret of ours is for, by its usage and its UUID; undefined: not ours. */
export function volumeOfSecret(secret: { readonly uuid: string; readonly usage: string }): string | undefined {
  const volumeId = secret.usage.startsWith(USAGE) ? secret.usage.slice(USAGE.length) : ''
  return secretUuidOf(volumeId) === secret.uuid ? volumeId : undefined
}

/** The same for a volume ever after, and not the volume's id, which names the secret of its passphrase (RFC 9562, version 8). */
export function secretUuidOf(volumeId: string): string {
  const bytes = createHash('sha256').update(`holdfast ceph key of volume ${volumeId}`).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** What QEMU and the hypervisor compare and show. */
export const pathOf = (info: RbdConnectionInfo): string => `rbd:${info.data.name}`

/**
 * Connection info as the disk that QEMU opens, every word of it checked once more (I10), and the image proved to be called
 * after the volume (I2; Cinder `volume_name_template`, and `name_id` after a migration).
 * @throws HoldfastError `unsafe-name`, `wrong-device` (unsafe), `connection-info-incomplete` (corrupt), `pool-not-allowed`
 * (forbidden)
 */
export function networkDiskOf(info: RbdConnectionInfo, pools?: readonly string[]): NetworkDisk {
  const { volume_id: volumeId, data } = info
  checkUuid('volume id', volumeId)
  const disk = { protocol: 'rbd', name: data.name, hosts: hostsOf(info), auth: authOf(info), key: keyOf(info) } as const
  const { pool, image } = checkNetworkDisk(disk)
  if (pools && !pools.includes(pool)) throw notAllowed(info, pool, pools)
  if ([volumeId, data.name_id].some(id => id !== undefined && isUuid(id) && image.includes(id))) return disk
  const message = `image ${data.name} is not volume ${volumeId}: it is not called after it`
  throw new HoldfastError('unsafe', 'wrong-device', message, {
    details: { volume: volumeId, layer: 'connection', left: 'nothing was touched' },
  })
}

function hostsOf(info: RbdConnectionInfo): NetworkDisk['hosts'] {
  const { hosts, ports } = info.data
  if (hosts.length !== ports.length) throw incomplete(info, `${hosts.length} monitors, but ${ports.length} ports`)
  return hosts.map((name, index) => ({ name, port: /^\d{1,5}$/.test(ports[index] ?? '') ? Number(ports[index]) : 0 }))
}

function authOf(info: RbdConnectionInfo): NetworkDisk['auth'] {
  const { auth_enabled: enabled, auth_username: username } = info.data
  if (!enabled) return undefined
  if (username === undefined || username === '') throw incomplete(info, 'a user is wanted, but none is named')
  return { username, secretUuid: secretUuidOf(info.volume_id) }
}

function keyOf({ volume_id: volumeId, data }: RbdConnectionInfo): NetworkDisk['key'] {
  const { keyring, secret_uuid: operatorSecret, cluster_name: cluster } = data
  const sealed = keyring === undefined ? undefined : { text: keyring, context: `${volumeId}/keyring` }
  return { cluster, ...(sealed && { sealed }), ...(operatorSecret !== undefined && { operatorSecret }) }
}

const incomplete = ({ volume_id: volume }: RbdConnectionInfo, why: string) =>
  new HoldfastError(
    'corrupt',
    'connection-info-incomplete',
    `connection info of volume ${volume} is of no use: ${why}`,
    {
      details: { volume, layer: 'connection' },
    },
  )

const notAllowed = ({ volume_id: volume }: RbdConnectionInfo, pool: string, pools: readonly string[]) =>
  new HoldfastError(
    'forbidden',
    'pool-not-allowed',
    `volume ${volume} is in Ceph pool '${pool}', which is not allowed here`,
    {
      details: {
        volume,
        layer: 'connection',
        hint: `allowed are: ${pools.join(', ') || 'none'} (see the configuration)`,
      },
    },
  )
