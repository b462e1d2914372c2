import { Budget } from '#src/core/budget.ts'
import type { KeyedLock } from '#src/core/concurrency.ts'
import { asHoldfastError, type HoldfastError } from '#src/core/error.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { BlockDeviceMapping, InstanceRecord, TaskState } from '#src/store/records.ts'
import { LIVE } from '../admission.ts'
import { waitsFor } from '../away.ts'
import { checkAttachments } from '../check.ts'
import * as conducts from '../conducts.ts'
import type { EndedOperation, ResumedInstance, ResumeOptions, ResumeReport } from '../host-api.ts'
import { instanceKeys } from '../keys.ts'
import { begin } from '../operate.ts'
import type { OperationsEngine } from '../operations.ts'
import type { Parts } from '../parts.ts'
import { Walk } from '../walk.ts'
import { byPriority } from './order.ts'
import { Outages } from './waiting.ts'

export interface ResumeParts {
  readonly parts: Parts
  readonly operations: OperationsEngine
  readonly locks: KeyedLock
}

/** What one try did; `none`: there is nothing to tell, for the instance is gone or is wanted stopped. */
type Tried = Pick<ResumedInstance, 'outcome' | 'operationId' | 'notes'> & { readonly error?: HoldfastError | undefined }

/**
 * Brings back what a boot of the host ended (Nova `compute/manager.py` `_resume_guests_state`, 2026.2, with what that
 * lacks: an order, bounds, waiting, and a report). One that fails or waits takes no room from the others.
 */
export class HostResume {
  readonly #parts: Parts
  readonly #operations: OperationsEngine
  readonly #locks: KeyedLock
  readonly #options: ResumeOptions
  readonly #lanes: Budget<'instances'>
  readonly #outages: Outages
  readonly #begun: number
  readonly #ended: EndedOperation[] = []

  constructor({ parts, operations, locks }: ResumeParts, options: ResumeOptions) {
    this.#parts = parts
    this.#operations = operations
    this.#locks = locks
    this.#options = options
    this.#lanes = new Budget({ instances: parts.bounds.settings.instances })
    this.#outages = new Outages(parts.clock, parts.random)
    this.#begun = parts.clock.monotonic()
  }

  async run(): Promise<ResumeReport> {
    const { store, clock, settings } = this.#parts
    const startedAt = clock.now()
    const [instances, unfinished] = await Promise.all([store.instances(), this.#operations.unfinished()])
    const ids = new Set(instances.map(({ id }) => id))
    const orphans = unfinished.filter(({ instanceId }) => !ids.has(instanceId))
    const interrupted = new Set(unfinished.map(({ instanceId }) => instanceId))
    const concerned = instances.filter(({ id, wanted }) => wanted === 'running' || interrupted.has(id)).sort(byPriority)
    await Promise.all(orphans.map(operation => this.#end(operation.id)))
    const resumed = await Promise.all(concerned.map((instance, rank) => this.#one(instance, rank)))
    return {
      bootId: settings.bootId,
      startedAt,
      durationMs: clock.monotonic() - this.#begun,
      operations: this.#ended.toSorted((a, b) => a.operation.startedAt - b.operation.startedAt),
      instances: resumed.filter(one => one !== undefined),
    }
  }

  /**
   * One instance, without waiting.
   * @throws HoldfastError why it did not come back
   */
  async runOne(id: string): Promise<void> {
    await this.#try(id, 0)
  }

  async #end(operationId: string): Promise<void> {
    const { operation } = await this.#operations.resume(operationId, this.#options)
    this.#ended.push({ operation })
  }

  /** Tries until it has an outcome, waiting in between without taking room; undefined if there is nothing to tell. */
  async #one(instance: InstanceRecord, rank: number): Promise<ResumedInstance | undefined> {
    const { clock } = this.#parts
    const until = this.#begun + (this.#options.waitMs ?? 0)
    const { signal } = this.#options
    let workMs = 0
    const attempt = async (): Promise<Tried | undefined> => {
      const at = clock.monotonic()
      try {
        return await this.#try(instance.id, rank)
      } finally {
        workMs += clock.monotonic() - at
      }
    }
    const told = (tried: Tried): ResumedInstance => {
      const { id, name, priority } = instance
      const error = tried.error && recordError(tried.error)
      return { id, name, priority, ...tried, error, workMs, finishedAfterMs: clock.monotonic() - this.#begun }
    }
    for (;;) {
      const tried = await this.#guarded(() => this.#lanes.run({ instances: 1 }, { rank, signal }, attempt))
      // What became of an operation on an instance that stays stopped is told with the operations.
      if (!tried || (instance.wanted === 'stopped' && tried.outcome !== 'resumed')) return undefined
      const outcome = told(tried)
      this.#options.onInstance?.(outcome)
      if (!isWaiting(outcome.outcome) || !(await this.#isBack(instance.id, outcome.outcome, until))) return outcome
    }
  }

  /** A failure of this one is its outcome, never that of all. */
  async #guarded(work: () => Promise<Tried | undefined>): Promise<Tried | undefined> {
    try {
      return await work()
    } catch (cause) {
      const error = asHoldfastError(cause)
      return { outcome: waitsFor(error) ?? 'failed', error, operationId: error.details.operation, notes: [] }
    }
  }

  async #isBack(id: string, waiting: TaskState, until: number): Promise<boolean> {
    const { signal } = this.#options
    try {
      return await this.#outages.over(() => this.#ask(id, waiting), until, signal)
    } catch (error) {
      // Whoever gives up leaves it waiting; the next resume takes it up.
      if (signal?.aborted) return false
      throw error
    }
  }

  async #ask(id: string, waiting: TaskState): Promise<void> {
    const found = await this.#find(id)
    if (!found) return
    using walk = new Walk(this.#parts, found.instance, found.mappings)
    const { signal } = this.#options
    if (waiting === 'waiting-for-key') for (const row of walk.mappings) await walk.passphrase(row.volumeId, signal)
    else await checkAttachments(walk, signal ?? new AbortController().signal)
  }

  async #try(id: string, rank: number): Promise<Tried | undefined> {
    const keys = instanceKeys(
      id,
      (await this.#parts.store.mappings(id)).map(row => row.volumeId),
    )
    return await this.#locks.runAll(keys, async () => {
      const lost = await this.#isLost(id)
      await this.#endUnfinished(id, lost)
      const found = await this.#find(id)
      if (found?.instance.wanted !== 'running') return undefined
      if (await this.#runs(id)) return await this.#recordRunning(found.instance)
      if (!lost && found.instance.status !== 'ERROR') return { outcome: 'stopped-itself', notes: [] }
      const options = { ...this.#options, rank }
      const { operation, notes } = await begin(this.#parts, found.instance, found.mappings, conducts.resume(), options)
      return { outcome: 'resumed', operationId: operation.id, notes }
    })
  }

  /** A boot of the host ended it, or it waits since an earlier resume; and nobody started it since. */
  async #isLost(id: string): Promise<boolean> {
    const instance = await this.#parts.store.instance(id)
    if (instance?.wanted !== 'running' || (await this.#runs(id))) return false
    return instance.taskState !== undefined || instance.bootId !== this.#parts.settings.bootId
  }

  async #endUnfinished(id: string, supersede: boolean): Promise<void> {
    const { store } = this.#parts
    try {
      const ended = await this.#operations.endUnfinished(id, supersede, this.#options)
      this.#ended.push(...ended.map(operation => ({ operation })))
    } catch (cause) {
      const error = asHoldfastError(cause)
      const operation =
        error.details.operation === undefined ? undefined : await store.operation(error.details.operation)
      if (operation) this.#ended.push({ operation, error: recordError(error) })
      throw error
    }
  }

  async #runs(id: string): Promise<boolean> {
    return LIVE.has((await this.#parts.hypervisor.observe(id, this.#options.signal))?.state)
  }

  /** Not touched; but that it runs under this boot is remembered. */
  async #recordRunning({ id, version, ...instance }: InstanceRecord): Promise<Tried> {
    const { store, settings } = this.#parts
    const known = instance.bootId === settings.bootId && instance.taskState === undefined
    if (!known) {
      const patch = { bootId: settings.bootId, taskState: undefined }
      await store.commit([{ update: 'instance', id, version, patch }])
    }
    return { outcome: 'running', notes: [] }
  }

  async #find(id: string): Promise<{ instance: InstanceRecord; mappings: readonly BlockDeviceMapping[] } | undefined> {
    const { store } = this.#parts
    const [instance, mappings] = await Promise.all([store.instance(id), store.mappings(id)])
    return instance && { instance, mappings }
  }
}

const isWaiting = (outcome: ResumedInstance['outcome']): outcome is TaskState =>
  outcome === 'waiting-for-key' || outcome === 'waiting-for-volume-service'
