import { HoldfastError, hasCode } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import {
  allSnapshots,
  type CinderSnapshot,
  createSnapshot,
  deleteSnapshot,
  getSnapshot,
  updateSnapshotStatus,
} from '#src/openstack/cinder/index.ts'
import { snapshotNotFound, volumeNotFound, wrongSnapshotState, wrongVolumeState } from '../errors.ts'
import { checkSnapshotRequest } from '../requests.ts'
import { ALLOWED, checkSnapshotTransition } from '../rules.ts'
import type { Snapshot, SnapshotStatus } from '../volume-service.ts'
import { type Change, type Cinder, DONE, done, NOT_DONE } from './cinder.ts'
import { REQUEST_MARK } from './settings.ts'
import { snapshotView } from './views.ts'
import type { Volumes } from './volumes.ts'

/** Snapshots at Cinder. */
export class Snapshots {
  readonly #cinder: Cinder
  readonly #volumes: Volumes

  constructor(cinder: Cinder, volumes: Volumes) {
    this.#cinder = cinder
    this.#volumes = volumes
  }

  async get(id: string, signal?: AbortSignal): Promise<Snapshot> {
    if (!isUuid(id)) throw snapshotNotFound(id)
    const asked = { what: `look up snapshot ${id}`, notFound: () => snapshotNotFound(id) }
    const options = this.#cinder.queryOptions(signal)
    return snapshotView(await this.#cinder.query(asked, () => getSnapshot(this.#cinder.client, id, options)))
  }

  async find(id: string, signal?: AbortSignal): Promise<Snapshot | undefined> {
    try {
      return await this.get(id, signal)
    } catch (error) {
      if (hasCode(error, 'snapshot-not-found')) return undefined
      throw error
    }
  }

  async all(signal?: AbortSignal): Promise<readonly Snapshot[]> {
    const options = { ...this.#cinder.queryOptions(signal), query: { sort: 'created_at:asc' } }
    const asked = { what: 'list snapshots' }
    return (await this.#cinder.query(asked, () => allSnapshots(this.#cinder.client, options))).map(snapshotView)
  }

  async create(
    volume: string,
    request: { readonly name?: string; readonly description?: string; readonly force?: boolean },
    signal?: AbortSignal,
  ): Promise<Snapshot> {
    checkSnapshotRequest(request)
    if (request.force) await this.#checkForced(volume, signal)
    const mark = this.#cinder.random.uuid()
    const body = { ...request, volumeId: volume, metadata: { [REQUEST_MARK]: mark } }
    const made = await this.#volumes.change<CinderSnapshot>(
      {
        what: `make a snapshot of volume ${volume}`,
        volume,
        notFound: () => volumeNotFound(volume),
        rule: { verb: 'get a snapshot', allowed: request.force ? ALLOWED.forcedSnapshot : ALLOWED.snapshot },
        looks: 3,
        send: options => createSnapshot(this.#cinder.client, body, options),
        look: async () => {
          const options = { ...this.#cinder.queryOptions(signal), query: { volume_id: volume } }
          const found = await allSnapshots(this.#cinder.client, options)
          const own = found.find(({ metadata }) => metadata[REQUEST_MARK] === mark)
          return own ? done(own) : NOT_DONE
        },
      },
      signal,
    )
    return snapshotView(made)
  }

  /** Cinder would take one of a volume in any state. */
  async #checkForced(id: string, signal: AbortSignal | undefined): Promise<void> {
    const volume = await this.#volumes.raw(id, signal)
    if (ALLOWED.forcedSnapshot.some(status => status === volume.status)) return
    throw wrongVolumeState(volume, 'get a snapshot', ALLOWED.forcedSnapshot)
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    const look = async () => {
      const found = await this.find(id, signal)
      return !found || found.status === 'deleting' || found.status === 'error_deleting' ? DONE : NOT_DONE
    }
    const rule = { verb: 'be deleted', allowed: ALLOWED.deleteSnapshot }
    const send: Change<void>['send'] = options => deleteSnapshot(this.#cinder.client, id, options)
    await this.#change(id, rule, { what: `delete snapshot ${id}`, send, look }, signal)
  }

  async updateStatus(id: string, status: SnapshotStatus, signal?: AbortSignal): Promise<void> {
    checkSnapshotTransition(await this.get(id, signal), status)
    const look = async () => ((await this.get(id, signal)).status === status ? DONE : NOT_DONE)
    const rule = { verb: `become '${status}'`, allowed: ['creating', 'deleting'] }
    const send: Change<void>['send'] = options => updateSnapshotStatus(this.#cinder.client, id, status, options)
    await this.#change(id, rule, { what: `report snapshot ${id} as '${status}'`, send, look }, signal)
  }

  async #change(
    id: string,
    { verb, allowed }: { readonly verb: string; readonly allowed: readonly string[] },
    change: Change<void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!isUuid(id)) throw snapshotNotFound(id)
    try {
      await this.#cinder.change({ ...change, notFound: () => snapshotNotFound(id) }, signal)
    } catch (error) {
      if (!hasCode(error, 'invalid-snapshot')) throw error
      const refusal = error as HoldfastError
      const wrong = wrongSnapshotState(await this.get(id, signal), verb, allowed)
      const message = `${wrong.message} (${refusal.message})`
      throw new HoldfastError(wrong.kind, wrong.code, message, { cause: refusal.cause, details: refusal.details })
    }
  }
}
