import { HoldfastError } from '#src/core/error.ts'
import { GIB } from '#src/core/sizes.ts'
import { fileOfImage } from '#src/volumes/requests.ts'
import { ALLOWED, invalidSize } from '#src/volumes/rules.ts'
import { simImage } from './volume-plan.ts'
import { type SimVolumeState, simFileBytes } from './volume-state.ts'
import type { World } from './world.ts'

export interface SimReimage {
  readonly volumeId: string
  /** Of the volume's file. */
  readonly path: string
  readonly imageFile?: string
  readonly imageId?: string
  readonly reimageReserved: boolean
}

/** An image takes the place of a volume's content. */
export function simReimage(world: World, state: SimVolumeState, request: SimReimage): void {
  const { volumeId: id, path, reimageReserved } = request
  const imageFile = fileOfImage(request)
  const volume = state.volume(id)
  const image = simImage(state, imageFile, new Set())
  if (image.bytes > volume.size * GIB) throw invalidSize(`image ${imageFile} does not fit into volume ${id}`, id)
  const { length } = state.attachmentsOf({ volumeId: id })
  if (length > 1) throw new HoldfastError('conflict', 'conflict', `volume ${id} has ${length} attachments, not one`)
  state.inState(id, reimageReserved ? ALLOWED.reimageReserved : ALLOWED.reimage, 'write an image to it')
  const { luks } = world.files.get(path) ?? {}
  const { inode } = world.addFile(path, { sizeBytes: simFileBytes(volume), content: id, luks })
  Object.assign(volume, { inode, bootable: true })
  if (volume.status === 'error') volume.status = 'available'
}
