import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { cephSecretUuid } from './ceph.ts'

const PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const HOST = /^[A-Za-z0-9:]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/
const PORT = /^[1-9]\d{0,4}$/

/** Connection info as the disk that QEMU opens, by the same rules as the real connector's (`network-disk.ts`). */
export function simNetworkDisk(info: RbdConnectionInfo): NetworkDisk {
  const { volume_id: volumeId, data } = info
  if (!isUuid(volumeId)) throw new HoldfastError('invalid-input', 'invalid-id', `${volumeId} is not a UUID`)
  if (data.hosts.length !== data.ports.length) throw incomplete(volumeId, 'as many ports as monitors are wanted')
  if (data.auth_enabled && !data.auth_username) throw incomplete(volumeId, 'a user is wanted, but none is named')
  checkWords(data)
  const image = data.name.split('/').at(-1) ?? ''
  if (![volumeId, data.name_id].some(id => id !== undefined && isUuid(id) && image.includes(id))) {
    throw wrongImage(info, 'it is not called after it')
  }
  const username = data.auth_enabled ? data.auth_username : undefined
  const operatorSecret = data.secret_uuid
  return {
    protocol: 'rbd',
    name: data.name,
    hosts: data.hosts.map((name, index) => ({ name, port: Number(data.ports[index]) })),
    auth: username === undefined ? undefined : { username, secretUuid: cephSecretUuid(volumeId) },
    key: {
      cluster: data.cluster_name,
      ...(data.keyring !== undefined && { sealed: { text: data.keyring, context: `${volumeId}/keyring` } }),
      ...(operatorSecret !== undefined && { operatorSecret }),
    },
  }
}

function checkWords({
  name,
  hosts,
  ports,
  auth_username: user,
  cluster_name: cluster,
}: RbdConnectionInfo['data']): void {
  const parts = name.split('/')
  const isNamed = (parts.length === 2 || parts.length === 3) && parts.every(part => PART.test(part))
  const reachable = hosts.length > 0 && hosts.every(host => HOST.test(host)) && ports.every(port => PORT.test(port))
  const words = [cluster, ...(user === undefined ? [] : [user])].every(word => PART.test(word))
  if (isNamed && reachable && words) return
  throw new HoldfastError('unsafe', 'unsafe-name', `image ${JSON.stringify(name.slice(0, 60))} is refused`, {
    details: { layer: 'connection', left: 'nothing was touched' },
  })
}

const incomplete = (volume: string, why: string) =>
  new HoldfastError(
    'corrupt',
    'connection-info-incomplete',
    `connection info of volume ${volume} is of no use: ${why}`,
    {
      details: { volume, layer: 'connection' },
    },
  )

export const wrongImage = ({ volume_id: volume, data }: RbdConnectionInfo, found: string) =>
  new HoldfastError('unsafe', 'wrong-device', `image ${data.name} is not volume ${volume}: ${found}`, {
    details: { volume, layer: 'connection', left: 'nothing was touched' },
  })
