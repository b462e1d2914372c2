import { networkConnectorConformance } from '#src/connectors/conformance-network.ts'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import { MIB } from '#src/core/sizes.ts'
import { addKeyring, cephUsage, simCeph } from './ceph.ts'
import { SimRbdConnector } from './rbd-connector.ts'
import { type SimLuks, World } from './world.ts'

const SIZE = 64 * MIB

const imageOf = ({ data }: RbdConnectionInfo) => `rbd:${data.name}`

function infoOf(world: World, id: string, encrypted: boolean, readonly: boolean): RbdConnectionInfo {
  const monitors = [...simCeph(world).monitors].slice(0, 1).map(each => each.split(':'))
  return {
    driver_volume_type: 'rbd',
    volume_id: id,
    host: world.hostName,
    data: {
      name: `volumes/volume-${id}`,
      hosts: monitors.map(([host = '']) => host),
      ports: monitors.map(([, port = '']) => port),
      cluster_name: 'ceph',
      auth_enabled: true,
      auth_username: 'cinder',
      access_mode: readonly ? 'ro' : 'rw',
      encrypted,
      multiattach: false,
      discard: true,
      luks_uuid: encrypted ? id : undefined,
    },
  }
}

const headerOf = (uuid: string): SimLuks => ({
  version: 1,
  uuid,
  passphraseHash: '',
  payloadOffsetBytes: 2 * MIB,
})

networkConnectorConformance('simulated', async () => {
  const world = new World()
  addKeyring(world, 'cinder')
  const own = new Set<string>()
  const isOwn = (usage: string) => own.has(usage)
  return {
    connector: new SimRbdConnector(world),
    sizeBytes: SIZE,
    volume: async ({ encrypted = false, readonly = false } = {}) => {
      const id = world.random.uuid()
      own.add(cephUsage(id))
      const info = infoOf(world, id, encrypted, readonly)
      const luks = encrypted ? headerOf(id) : undefined
      world.addFile(imageOf(info), { kind: 'network', sizeBytes: SIZE, content: id, luks })
      return info
    },
    drop: async info => void world.files.delete(imageOf(info)),
    foreign: async () => {
      const uuid = world.random.uuid()
      world.secrets.set(uuid, { uuid, usage: 'client.cinder secret', purpose: 'ceph', kept: true })
      return { path: `libvirt secret ${uuid}`, over: 'client.cinder secret' }
    },
    devices: async () => [...world.secrets.values()].filter(({ usage }) => isOwn(usage)).length,
    restart: async () => {
      await world.restart()
      return new SimRbdConnector(world)
    },
    putForeign: async info => {
      const file = world.files.get(imageOf(info))
      if (file) file.luks = headerOf(world.random.uuid())
    },
    forget: async () => {
      for (const [uuid, { kept }] of world.secrets) if (!kept) world.secrets.delete(uuid)
    },
    through: async (info, trouble) => {
      if (trouble === 'silence') return { ...info, data: { ...info.data, hosts: ['10.0.0.99'], ports: ['6789'] } }
      addKeyring(world, 'stranger', 'AQBwrongwrongwrongwrongwrongwrongwrongwg==')
      return { ...info, data: { ...info.data, auth_username: 'stranger' } }
    },
    takeUsage: async info => {
      const uuid = world.random.uuid()
      world.secrets.set(uuid, { uuid, usage: cephUsage(info.volume_id), purpose: 'ceph', kept: true })
    },
    [Symbol.asyncDispose]: async () => {},
  }
})
