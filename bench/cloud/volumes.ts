/** The project of everybody who logs in. */
export const PROJECT = '82119080c2c9427c845db8201ef75190'
const USER = '0cc62c58196345f5b80fabfa9d674884'

/** Of the volume with this number; the number stands in its last digits. */
export const idOf = (index: number): string =>
  `${(Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')}-6a6e-4d97-913b-${String(index).padStart(12, '0')}`

/** Undefined for what is no id of a volume. */
export function indexOf(id: string, count: number): number | undefined {
  const index = Number(id.slice(-12))
  return index < count && idOf(index) === id ? index : undefined
}

/** A volume as Cinder answers it to the owner of a project; every third is attached. */
export function volumeAt(index: number, origin: string): object {
  const id = idOf(index)
  const isAttached = index % 3 === 0
  const second = String(index % 60).padStart(2, '0')
  return {
    id,
    status: isAttached ? 'in-use' : 'available',
    size: 1 + (index % 100),
    availability_zone: 'nova',
    created_at: `2026-11-22T11:57:${second}.000000`,
    updated_at: `2026-11-22T11:58:${second}.000000`,
    name: `data-${index}`,
    description: index % 2 === 0 ? 'of the nightly import' : null,
    volume_type: 'ceph-luks',
    snapshot_id: null,
    source_volid: null,
    metadata: { purpose: 'import', shelf: String(index % 7) },
    links: [
      { rel: 'self', href: `${origin}/v3/${PROJECT}/volumes/${id}` },
      { rel: 'bookmark', href: `${origin}/${PROJECT}/volumes/${id}` },
    ],
    user_id: USER,
    bootable: index % 5 === 0 ? 'true' : 'false',
    encrypted: true,
    replication_status: null,
    consistencygroup_id: null,
    multiattach: false,
    attachments: isAttached ? [attachmentOf(id)] : [],
    group_id: null,
    'os-vol-tenant-attr:tenant_id': PROJECT,
  }
}

const attachmentOf = (id: string): object => ({
  id,
  attachment_id: id.replace('-6a6e-', '-a77a-'),
  volume_id: id,
  server_id: id.replace('-6a6e-', '-5e4e-'),
  host_name: null,
  device: '/dev/vdb',
  attached_at: '2026-11-22T11:59:00.000000',
})
