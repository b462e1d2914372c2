import { isIPv6 } from 'node:net'
import type { NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'

/** Of pools, namespaces and images: Ceph allows more, but nothing that has a meaning in a path or an option is let in. */
const PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/

/** `<pool>/<image>` or `<pool>/<namespace>/<image>`, in its parts. */
export interface ImageName {
  readonly pool: string
  readonly namespace?: string | undefined
  readonly image: string
}

/** @throws HoldfastError `unsafe-name` (unsafe) */
export function parseImageName(name: string): ImageName {
  const parts = name.split('/')
  if (parts.length < 2 || parts.length > 3 || !parts.every(part => PART.test(part))) {
    throw unsafeName('the image', name, 'it is not <pool>/<image>')
  }
  const [pool = '', ...rest] = parts
  const image = rest.pop() ?? ''
  return { pool, image, ...(rest[0] !== undefined && { namespace: rest[0] }) }
}

/**
 * That every word of a network disk may go into a configuration, an option or XML (I10).
 * @throws HoldfastError `unsafe-name` (unsafe)
 */
export function checkNetworkDisk(disk: NetworkDisk): ImageName {
  const name = parseImageName(disk.name)
  if (disk.hosts.length === 0) throw unsafeName('the image', disk.name, 'there is no monitor to ask')
  for (const { name: host, port } of disk.hosts) {
    if (!HOST.test(host) && !isIPv6(host)) throw unsafeName('the monitor', host, 'it is neither a name nor an address')
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw unsafeName('the port', String(port), 'it is none')
  }
  if (disk.auth) checkUser(disk.auth.username)
  if (disk.auth && !isUuid(disk.auth.secretUuid)) throw unsafeName('the secret', disk.auth.secretUuid, 'it is no UUID')
  if (disk.key && !USER.test(disk.key.cluster))
    throw unsafeName('the cluster', disk.key.cluster, 'it is not a plain word')
  return name
}

function checkUser(username: string): void {
  if (!USER.test(username)) throw unsafeName('the Ceph user', username, 'it is not a plain word')
}

/** `10.0.0.1:6789`, `[fd00::1]:6789` */
export const monitorAddress = ({ name, port }: NetworkDisk['hosts'][number]): string =>
  isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`

function unsafeName(what: string, found: string, why: string): HoldfastError {
  const shown = JSON.stringify(found.length > 60 ? `${found.slice(0, 60)}…` : found)
  return new HoldfastError('unsafe', 'unsafe-name', `${what} ${shown} is refused: ${why}`, {
    details: { layer: 'connection', left: 'nothing was touched' },
  })
}
