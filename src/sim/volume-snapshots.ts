import { HoldfastError } from '#src/core/error.ts'
import type { Random } from '#src/core/random.ts'
import { wrongSnapshotState } from '#src/volumes/errors.ts'
import { ALLOWED, checkQuota, checkSnapshotTransition } from '#src/volumes/rules.ts'
import type { Snapshot, SnapshotStatus, VolumeType, VolumeTypeEncryption } from '#src/volumes/volume-service.ts'
import { type SimQuotas, type SimVolume, type SimVolumeState, simSnapshotView } from './volume-state.ts'

interface SnapshotParts {
  readonly state: SimVolumeState
  readonly random: Random
  readonly quotas: SimQuotas
  readonly now: () => string
  readonly checkStorage: (volume: SimVolume) => void
}

/** Snapshots of the simulated volume service: each verb is atomic, and a refusal changes nothing. */
export class SimSnapshots {
  readonly #parts: SnapshotParts
  readonly #state: SimVolumeState

  constructor(parts: SnapshotParts) {
    this.#parts = parts
    this.#state = parts.state
  }

  create(volumeId: string, request: { name?: string; description?: string; force?: boolean }): Snapshot {
    const { random, quotas, now, checkStorage } = this.#parts
    const allowed = request.force ? ALLOWED.forcedSnapshot : ALLOWED.snapshot
    const origin = this.#state.inState(volumeId, allowed, 'make a snapshot of it')
    checkQuota(this.#state.limits(quotas), { snapshots: 1, gigabytes: origin.size })
    checkStorage(origin)
    const row = {
      id: random.uuid(),
      name: request.name ?? null,
      description: request.description ?? null,
      ...({ status: 'available', progress: '100%', size: origin.size, volumeId } as const),
      createdAt: now(),
      origin: { ...origin },
      keyId: null,
    }
    this.#state.snapshots.set(row.id, row)
    return simSnapshotView(row)
  }

  delete(snapshotId: string): void {
    const row = this.#state.snapshot(snapshotId)
    if (!ALLOWED.deleteSnapshot.some(status => status === row.status)) {
      throw wrongSnapshotState(row, 'delete it', ALLOWED.deleteSnapshot)
    }
    this.#state.snapshots.delete(snapshotId)
  }

  updateStatus(snapshotId: string, status: SnapshotStatus): void {
    const row = this.#state.snapshot(snapshotId)
    checkSnapshotTransition(row, status)
    Object.assign(row, { status, progress: '90%' })
  }
}

export class SimVolumeTypes {
  readonly #state: SimVolumeState
  readonly #random: Random

  constructor(state: SimVolumeState, random: Random) {
    this.#state = state
    this.#random = random
  }

  create(request: { name: string; multiattach: boolean; encryption: VolumeTypeEncryption | undefined }): VolumeType {
    const { encryption, ...rest } = request
    if ([...this.#state.types.values()].some(({ name }) => name === rest.name)) {
      throw new HoldfastError('conflict', 'conflict', `there is a volume type '${rest.name}' already`)
    }
    const type = { id: this.#random.uuid(), ...rest, ...(encryption && { encryption }) }
    this.#state.types.set(type.id, type)
    return type
  }

  delete(nameOrId: string): void {
    const { id, name } = this.#state.type(nameOrId)
    const user = [...this.#state.volumes.values()].find(({ typeId }) => typeId === id)
    if (user) throw new HoldfastError('conflict', 'conflict', `volume ${user.id} is of volume type '${name}'`)
    this.#state.types.delete(id)
  }
}
