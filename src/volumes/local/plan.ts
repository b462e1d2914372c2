import { gibToBytes } from '#src/core/sizes.ts'
import type { ImageInfo } from '#src/host/qemu-img.ts'
import { invalidInput, wrongSnapshotState, wrongVolumeState } from '../errors.ts'
import { refuseSharedEncryption } from '../requests.ts'
import { ALLOWED, sizeFor } from '../rules.ts'
import type { CreateVolume } from '../volume-service.ts'
import type { Catalog } from './catalog.ts'
import type { Encryption, SnapshotRow, VolumeRow } from './records.ts'

export interface Image extends ImageInfo {
  readonly path: string
}

/** What a new volume's content comes from. For a snapshot with the volume that it was made of. */
export type Source =
  | { readonly kind: 'blank' }
  | { readonly kind: 'image'; readonly image: Image }
  | { readonly kind: 'snapshot'; readonly snapshot: SnapshotRow; readonly volume: VolumeRow }
  | { readonly kind: 'volume'; readonly volume: VolumeRow }

export interface CreationPlan {
  readonly source: Source
  /** GiB. */
  readonly size: number
  readonly typeId: string | null
  readonly encryption: Encryption | undefined
  readonly multiattach: boolean
  readonly bootable: boolean
}

/** What the request comes to, by what is recorded now. Refuses what cannot be; changes nothing. */
export function planCreation(catalog: Catalog, request: CreateVolume, image: Image | undefined): CreationPlan {
  const source = findSource(catalog, request, image)
  const origin = 'volume' in source ? source.volume : undefined
  const type = request.volumeType === undefined ? undefined : catalog.type(request.volumeType)
  const encryption = type ? pick(type.encryption) : origin?.encryption
  if (origin && !sameEncryption(encryption, origin.encryption)) {
    throw invalidInput(
      `volume type ${request.volumeType} is encrypted otherwise than the source, and a copy keeps the source's encryption`,
      'leave the volume type away: the source gives it',
    )
  }
  const multiattach = (type ?? origin)?.multiattach || request.multiattach === true
  refuseSharedEncryption(multiattach, encryption !== undefined)
  return {
    source,
    size: sizeFor(request.size, sourceBytes(source)),
    typeId: type ? type.id : (origin?.typeId ?? null),
    encryption,
    multiattach,
    bootable: source.kind === 'image' || (origin?.bootable ?? false),
  }
}

function findSource(catalog: Catalog, request: CreateVolume, image: Image | undefined): Source {
  if (image) return { kind: 'image', image }
  if (request.snapshotId !== undefined) {
    const snapshot = catalog.snapshot(request.snapshotId)
    if (snapshot.status !== 'available') throw wrongSnapshotState(snapshot, 'make a volume of it', ['available'])
    return { kind: 'snapshot', snapshot, volume: catalog.volume(snapshot.volumeId) }
  }
  if (request.sourceVolumeId === undefined) return { kind: 'blank' }
  const volume = catalog.volume(request.sourceVolumeId)
  if (!ALLOWED.clone.some(status => status === volume.status)) throw wrongVolumeState(volume, 'clone it', ALLOWED.clone)
  return { kind: 'volume', volume }
}

function sourceBytes(source: Source): { what: string; bytes: number } | undefined {
  switch (source.kind) {
    case 'blank':
      return undefined
    case 'image':
      return { what: `image ${source.image.path}`, bytes: source.image.virtualSize }
    case 'snapshot':
      return { what: `snapshot ${source.snapshot.id}`, bytes: gibToBytes(source.snapshot.size) }
    case 'volume':
      return { what: `volume ${source.volume.id}`, bytes: gibToBytes(source.volume.size) }
  }
}

const pick = (spec: Encryption | undefined): Encryption | undefined =>
  spec && { provider: spec.provider, cipher: spec.cipher, keySize: spec.keySize }

const sameEncryption = (one: Encryption | undefined, other: Encryption | undefined): boolean =>
  one?.provider === other?.provider && one?.cipher === other?.cipher && one?.keySize === other?.keySize
