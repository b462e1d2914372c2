import type { KeyedLock } from '#src/core/concurrency.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { OperationKind, OperationRecord } from '#src/journal/operation.ts'
import type { OperationResult, Operations, OperationView, RunOptions } from './api.ts'
import { resumption } from './conducts.ts'
import { instanceKeys } from './keys.ts'
import { takeUp } from './operate.ts'
import type { Parts } from './parts.ts'

const UNFINISHED = ['running', 'stuck'] as const
/** Unfinished ones are few; none may be left out. */
const EVERY = 1_000_000

/** The journal of operations, and how those that were interrupted or got stuck are ended. */
export class OperationsEngine implements Operations {
  readonly #parts: Parts
  readonly #locks: KeyedLock

  constructor(parts: Parts, locks: KeyedLock) {
    this.#parts = parts
    this.#locks = locks
  }

  async list(
    filter: { instanceId?: string; unfinished?: boolean; limit?: number } = {},
  ): Promise<readonly OperationRecord[]> {
    const { instanceId, limit } = filter
    const states = filter.unfinished ? UNFINISHED : undefined
    return await this.#parts.store.operations({ instanceId, limit, states })
  }

  async show(id: string): Promise<OperationView> {
    return { record: await this.#find(id), entries: await this.#parts.store.entries(id) }
  }

  async resume(id: string, options: RunOptions = {}): Promise<OperationResult> {
    const { instanceId } = await this.#find(id)
    const mappings = await this.#parts.store.mappings(instanceId)
    const volumes = mappings.map(row => row.volumeId)
    return await this.#locks.runAll(instanceKeys(instanceId, volumes), async () => {
      const operation = await this.#find(id)
      if (operation.state === 'running' || operation.state === 'stuck') return await this.#end(operation, options)
      return { operation, change: 'already', notes: [] }
    })
  }

  /** Those that an earlier process left running or stuck, in the order in which they were begun. */
  async unfinished(instanceId?: string): Promise<readonly OperationRecord[]> {
    const newestFirst = await this.#parts.store.operations({ instanceId, states: UNFINISHED, limit: EVERY })
    return newestFirst.toReversed()
  }

  /**
   * Ends what an earlier process left unfinished of this instance; the caller holds its lock. A power operation that
   * is about to be done anew anyway (`supersede`) is just closed. Gives those that were driven to an end.
   */
  async endUnfinished(
    instanceId: string,
    supersede: boolean,
    options: RunOptions,
  ): Promise<readonly OperationRecord[]> {
    const ended: OperationRecord[] = []
    for (const operation of await this.unfinished(instanceId)) {
      if (supersede && isPower(operation.kind)) await this.#supersede(operation)
      else ended.push((await this.#end(operation, options)).operation)
    }
    return ended
  }

  async #end(operation: OperationRecord, options: RunOptions): Promise<OperationResult> {
    const { store } = this.#parts
    const [instance, mappings, entries] = await Promise.all([
      store.instance(operation.instanceId),
      store.mappings(operation.instanceId),
      store.entries(operation.id),
    ])
    if (!instance) return { operation: await this.#supersede(operation), change: 'already', notes: [] }
    const conduct = resumption(operation, {
      status: instance.status,
      hasMapping: volumeId => mappings.some(row => row.volumeId === volumeId),
      wasBegun: action => entries.some(entry => entry.action === action),
    })
    return await takeUp(this.#parts, operation, instance, mappings, conduct, options)
  }

  /** Closes an operation whose effects a later one takes over, or whose instance is gone. */
  async #supersede(operation: OperationRecord): Promise<OperationRecord> {
    const { store, clock } = this.#parts
    const finishedAt = clock.now()
    const { id, version } = operation
    await store.commit([
      { update: 'operation', id, version, patch: { state: 'running' } },
      { update: 'operation', id, version: version + 1, patch: { state: 'failed', finishedAt } },
    ])
    return { ...operation, state: 'failed', finishedAt, version: version + 2 }
  }

  async #find(id: string): Promise<OperationRecord> {
    const operation = await this.#parts.store.operation(id)
    if (operation) return operation
    throw new HoldfastError('not-found', 'operation-not-found', `there is no operation ${id}`)
  }
}

const POWER: ReadonlySet<OperationKind> = new Set(['start', 'stop', 'soft-reboot', 'hard-reboot', 'resume'])
const isPower = (kind: OperationKind) => POWER.has(kind)
