import { HoldfastError } from '#src/core/error.ts'
import { GIB } from '#src/core/sizes.ts'
import { invalidInput, wrongSnapshotState } from '#src/volumes/errors.ts'
import { fileOfImage, refuseSharedEncryption } from '#src/volumes/requests.ts'
import { ALLOWED, sizeFor } from '#src/volumes/rules.ts'
import type { CreateVolume } from '#src/volumes/volume-service.ts'
import type { SimEncryption, SimImage, SimVolume, SimVolumeState } from './volume-state.ts'

export interface SimPlan {
  readonly size: number
  readonly typeId: string | null
  readonly volumeType: string | null
  readonly encryption: SimEncryption | undefined
  readonly multiattach: boolean
  readonly bootable: boolean
}

/** What a request for a new volume comes to, or its refusal. */
export function simPlan(state: SimVolumeState, request: CreateVolume, directories: ReadonlySet<string>): SimPlan {
  const wantsImage = request.imageFile !== undefined || request.imageId !== undefined
  const image = wantsImage ? simImage(state, fileOfImage(request), directories) : undefined
  const { origin, bytes } = simOrigin(state, request)
  const type = request.volumeType === undefined ? undefined : state.type(request.volumeType)
  const encryption = type ? type.encryption : origin?.encryption
  if (origin && !same(encryption, origin.encryption)) {
    throw invalidInput(`volume type ${request.volumeType} is encrypted otherwise than the source`)
  }
  const multiattach = (type ?? origin)?.multiattach || request.multiattach === true
  refuseSharedEncryption(multiattach, encryption !== undefined)
  const source = image ? { what: `image ${request.imageFile}`, bytes: image.bytes } : bytes
  return {
    size: sizeFor(request.size, source),
    typeId: type?.id ?? origin?.typeId ?? null,
    volumeType: type?.name ?? origin?.volumeType ?? null,
    encryption,
    multiattach,
    bootable: image !== undefined || (origin?.bootable ?? false),
  }
}

function simOrigin(
  state: SimVolumeState,
  { snapshotId, sourceVolumeId }: CreateVolume,
): { origin?: SimVolume; bytes?: { what: string; bytes: number } } {
  if (snapshotId !== undefined) {
    const snapshot = state.snapshot(snapshotId)
    if (snapshot.status !== 'available') throw wrongSnapshotState(snapshot, 'make a volume of it', ['available'])
    return { origin: snapshot.origin, bytes: { what: `snapshot ${snapshotId}`, bytes: snapshot.size * GIB } }
  }
  if (sourceVolumeId === undefined) return {}
  const origin = state.inState(sourceVolumeId, ALLOWED.clone, 'clone it')
  return { origin, bytes: { what: `volume ${sourceVolumeId}`, bytes: origin.size * GIB } }
}

/** The image at this path, with the real one's refusals. */
export function simImage(state: SimVolumeState, path: string, directories: ReadonlySet<string>): SimImage {
  const refuse = (why: string) =>
    new HoldfastError('invalid-input', 'invalid-image', `${JSON.stringify(path)} can't be used as an image: ${why}`)
  if (!path.startsWith('/')) throw refuse('it must be named by its absolute path')
  if (directories.has(path)) throw refuse('it is not a regular file')
  const image = state.images.get(path)
  if (!image) throw new HoldfastError('not-found', 'image-not-found', `there is no image file ${JSON.stringify(path)}`)
  if (image.bytes === 0) throw refuse('it is empty')
  if (image.flaw === 'not-an-image') throw refuse('its format is vmdk')
  if (image.flaw === 'backing-file') {
    throw new HoldfastError('unsafe', 'image-backing-file', `${JSON.stringify(path)} has a backing file`)
  }
  return image
}

const same = (one: SimEncryption | undefined, other: SimEncryption | undefined): boolean =>
  one?.provider === other?.provider && one?.cipher === other?.cipher && one?.keySize === other?.keySize
