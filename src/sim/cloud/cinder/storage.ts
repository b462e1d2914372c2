import { createHash } from 'node:crypto'
import { GIB, MIB } from '#src/core/sizes.ts'
import { hashOf, type SimFile, type SimLuks, type World } from '../../world.ts'
import type { CloudState } from '../state.ts'
import type { SimVolumeRow } from './rows.ts'

/** The Ceph cluster of the simulated cloud, as its connection info tells it. */
export const CEPH = {
  pool: 'volumes',
  hosts: ['10.0.0.11', '10.0.0.12', '10.0.0.13'],
  ports: ['6789', '6789', '6789'],
  user: 'cinder',
  /** Of the libvirt secret that operators define on compute hosts. */
  secretUuid: '11111111-2222-3333-4444-555555555555',
} as const

/** `<pool>/<image>` */
export const imageName = (volumeId: string): string => `${CEPH.pool}/volume-${volumeId}`

const iqnOf = (volumeId: string): string => `iqn.2010-10.org.openstack:volume-${volumeId}`

/** Where a volume's data lie in the world, which is nowhere on the host. */
export const storageOf = ({ id, backend }: Pick<SimVolumeRow, 'id' | 'backend'>): string =>
  backend === 'ceph' ? `rbd:${imageName(id)}` : `iscsi:${iqnOf(id)}`

/** The data of a new volume: those of its source, or none. An encrypted one has its header within its size. */
export function makeStorage(world: World, state: CloudState, row: SimVolumeRow): void {
  const sourceId = row.sourceId ?? state.snapshots.get(row.snapshotId ?? '')?.volumeId
  const source = sourceId === undefined ? undefined : state.volumes.get(sourceId)
  const from = source && world.files.get(storageOf(source))
  const luks = from ? from.luks && { ...from.luks } : newHeader(world, state, row)
  world.addFile(storageOf(row), { kind: 'network', sizeBytes: row.size * GIB, content: row.id, luks })
}

function newHeader({ random }: World, state: CloudState, { keyId, typeId }: SimVolumeRow): SimLuks | undefined {
  const payload = state.secrets.get(keyId ?? '')?.payload
  const encryption = state.types.get(typeId)?.encryption
  if (!payload || !encryption) return undefined
  const version = encryption.provider === 'luks2' ? 2 : 1
  return {
    version,
    uuid: random.uuid(),
    passphraseHash: hashOf(new TextEncoder().encode(Buffer.from(payload).toString('hex'))),
    payloadOffsetBytes: (version === 2 ? 16 : 2) * MIB,
    cipher: encryption.cipher ?? undefined,
    keySizeBits: encryption.keySize ?? undefined,
  }
}

export const fileOf = (world: World, row: SimVolumeRow): SimFile | undefined => world.files.get(storageOf(row))

/** What a host is told so that it can reach the volume: `driver_volume_type` and its data. */
export function connectionOf(
  state: CloudState,
  row: SimVolumeRow,
  mode: string,
): { readonly driver_volume_type: string; readonly data: Record<string, unknown> } {
  const common = {
    volume_id: row.id,
    discard: row.backend === 'ceph',
    qos_specs: null,
    access_mode: mode === 'ro' ? 'ro' : 'rw',
    encrypted: row.keyId !== null,
    cacheable: false,
  }
  if (row.backend === 'ceph') return { driver_volume_type: 'rbd', data: { ...cephData(row.id), ...common } }
  return { driver_volume_type: 'iscsi', data: { ...iscsiData(state, row.id), ...common } }
}

const cephData = (volumeId: string) => ({
  name: imageName(volumeId),
  hosts: CEPH.hosts,
  ports: CEPH.ports,
  cluster_name: 'ceph',
  auth_enabled: true,
  auth_username: CEPH.user,
  secret_type: 'ceph',
  secret_uuid: CEPH.secretUuid,
})

const iscsiData = ({ tokenKey }: CloudState, volumeId: string) => ({
  target_discovered: false,
  target_portal: '10.0.0.21:3260',
  target_iqn: iqnOf(volumeId),
  target_lun: 0,
  auth_method: 'CHAP',
  auth_username: digest(volumeId).slice(0, 20),
  auth_password: digest(`${tokenKey} ${volumeId}`).slice(0, 16),
})

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
