import type { DiskSource } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { RbdImages } from './ceph/rbd-images.ts'

/**
 * Gives `work` a path on this host under which the head of a disk source lies: encryption header and key slots at least. So
 * what reads headers of files reads those of any source. Read-only.
 */
export interface SourceHeads {
  with<T>(source: DiskSource, work: (path: string) => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** Files and block devices: the source's own path. */
export const localHeads: SourceHeads = {
  async with(source, work) {
    if (source.kind !== 'network') return await work(source.path)
    throw new HoldfastError('unsupported', 'encryption-unsupported', `${source.path} cannot be read by this host`, {
      details: { layer: 'encryption' },
    })
  },
}

/** Images of Ceph too: their head is fetched into memory. */
export class RbdHeads implements SourceHeads {
  readonly #images: Pick<RbdImages, 'withHead'>

  constructor(images: Pick<RbdImages, 'withHead'>) {
    this.#images = images
  }

  async with<T>(source: DiskSource, work: (path: string) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (!source.network) return await localHeads.with(source, work, signal)
    return await this.#images.withHead(source.network, source.sizeBytes, work, signal)
  }
}
