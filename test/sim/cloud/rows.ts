import { volumeOfCephSecret } from '#src/sim/ceph.ts'
import type { SimVolumeRow } from '#src/sim/cloud/cinder/rows.ts'
import { storageOf } from '#src/sim/cloud/cinder/storage.ts'
import type { CloudState } from '#src/sim/cloud/state.ts'
import type { SimSecret, World } from '#src/sim/world.ts'
import type { BlockDeviceMapping } from '#src/store/records.ts'

/** The cloud of this world, if it has one. */
export const cloudOf = (world: World): CloudState | undefined => world.slots.get('cloud') as CloudState | undefined

interface Holder {
  readonly id: string
  readonly volumeId: string
  readonly instanceId: string | null
}

export const cloudAttachments = (world: World): readonly Holder[] => [...(cloudOf(world)?.attachments.values() ?? [])]

/** Ids of the cloud's volumes, without those that are about to go. */
export const cloudVolumeIds = (world: World): readonly string[] =>
  [...(cloudOf(world)?.volumes.values() ?? [])].filter(({ status }) => status !== 'deleting').map(({ id }) => id)

/** The attachments that a mapping is recorded with: by id, and in the older generation by instance and volume. */
export const isRecordedBy = (row: BlockDeviceMapping, { id, volumeId, instanceId }: Holder): boolean =>
  row.attachmentId === id || (row.generation === 'legacy' && row.volumeId === volumeId && row.instanceId === instanceId)

/** Reserved by the older verbs: the service does not record for whom. */
export const isReservedFor = (world: World, mappings: readonly BlockDeviceMapping[], volumeId: string): boolean =>
  cloudOf(world)?.volumes.get(volumeId)?.status === 'attaching' &&
  mappings.some(row => row.volumeId === volumeId && row.generation === 'legacy')

/** The volume that a libvirt secret is for: that of its passphrase, or of the key of a Ceph user. */
export const volumeOfSecret = (secret: SimSecret): string => volumeOfCephSecret(secret) ?? secret.uuid

/** I5: every image is still the volume's own, encrypted if the volume is. */
export function changedImages(world: World): readonly string[] {
  return [...(cloudOf(world)?.volumes.values() ?? [])].flatMap(row => changed(world, row))
}

function changed(world: World, row: SimVolumeRow): readonly string[] {
  const file = world.files.get(storageOf(row))
  if (!file) return row.task ? [] : [`I5 the image of volume ${row.id} is gone`]
  const luks = file.luks !== undefined && !file.luks.damaged
  return [
    ...(file.content === row.id ? [] : [`I5 volume ${row.id} holds ${file.content}`]),
    ...(luks === (row.keyId !== null) ? [] : [`I5 the LUKS header of volume ${row.id} is ${luks ? 'new' : 'gone'}`]),
  ]
}
