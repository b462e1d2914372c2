import { asHoldfastError, type HoldfastError } from '#src/core/error.ts'
import type { VolumeStatus } from '../volume-service.ts'
import type { Catalog } from './catalog.ts'
import type { VolumeRow } from './records.ts'
import type { Reimage } from './reimage.ts'
import type { Snapshots } from './snapshots.ts'
import type { Volumes } from './volumes.ts'

/** What was found half done when the service was opened. */
export interface Recovered {
  readonly kind: 'volume' | 'snapshot'
  readonly id: string
  /** The state that the dead process left. */
  readonly found: string
  /** Why it could not be settled; it is tried again at the next start. */
  readonly problem?: HoldfastError | undefined
}

type Settle = (row: VolumeRow) => Promise<void>

/**
 * Settles what a dead process left half done. Only the process that holds the state lock may do it: to it every
 * intermediate state is a dead one's. One that cannot be settled now does not keep the others, nor the service, from it.
 */
export class Recovery {
  readonly #catalog: Catalog
  readonly #snapshots: Snapshots
  readonly #settle: Readonly<Partial<Record<VolumeStatus, Settle>>>

  constructor(parts: { catalog: Catalog; volumes: Volumes; snapshots: Snapshots; reimage: Reimage }) {
    const { catalog, volumes, reimage } = parts
    this.#catalog = catalog
    this.#snapshots = parts.snapshots
    this.#settle = {
      creating: async row => {
        await volumes.clear(row.id)
        catalog.setStatus(row.id, ['creating'], 'error')
      },
      deleting: async row => await volumes.finishDelete(row.id),
      extending: async row => {
        await volumes.shrinkBack(row)
        catalog.setStatus(row.id, ['extending'], 'available')
      },
      // Its data is whole: nothing but the file's size was in doubt, and what kept that from being put right may be over.
      error_extending: async row => {
        await volumes.shrinkBack(row)
        await volumes.checkFile(row)
        catalog.setStatus(row.id, ['error_extending'], 'available')
      },
      downloading: async row => await reimage.recover(row),
    }
  }

  async run(): Promise<readonly Recovered[]> {
    const done: Recovered[] = []
    for (const row of this.#halfDone()) {
      const settle = this.#settle[row.status]
      if (settle) done.push(await attempt('volume', row, () => settle(row)))
    }
    for (const row of this.#catalog.snapshots()) {
      if (row.status === 'creating') {
        done.push(await attempt('snapshot', row, () => this.#snapshots.recoverCreating(row.id)))
      }
      if (row.status === 'deleting')
        done.push(await attempt('snapshot', row, () => this.#snapshots.finishDelete(row.id)))
    }
    return done
  }

  #halfDone(): VolumeRow[] {
    return Object.keys(this.#settle).flatMap(status => this.#catalog.volumes({ status: status as VolumeStatus }))
  }
}

async function attempt(
  kind: Recovered['kind'],
  row: { readonly id: string; readonly status: string },
  settle: () => Promise<void>,
): Promise<Recovered> {
  try {
    await settle()
    return { kind, id: row.id, found: row.status }
  } catch (error) {
    return { kind, id: row.id, found: row.status, problem: asHoldfastError(error) }
  }
}
