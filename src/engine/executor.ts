import type { Need } from '#src/core/budget.ts'
import { mapSettled } from '#src/core/concurrency.ts'
import { withDeadline } from '#src/core/deadline.ts'
import { asHoldfastError, collectErrors, type HoldfastError } from '#src/core/error.ts'
import type { JournalEntry, OperationRecord, StepEvent } from '#src/journal/operation.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { Write } from '#src/store/store.ts'
import type { Observer, StepOutcome } from './api.ts'
import { ONE_IO, type Resource } from './bounds.ts'
import { derivationOf, EXECUTORS, type StepResult } from './executors.ts'
import type { Plan } from './plan.ts'
import { layerOf, onlyLooks, type Step, undoOf } from './step.ts'
import { titleOf } from './title.ts'
import type { Walk } from './walk.ts'

/** Steps that set up or take down devices and domains. */
const BUSY: ReadonlySet<Step['action']> = new Set(['connect', 'lock', 'disconnect', 'define', 'start', 'destroy'])

interface Ran {
  readonly number: number
  readonly step: Step
  readonly failure?: HoldfastError
}

/** How an undo ended: what could not be undone is told beside the first error, never instead of it (I9). */
export interface Undone {
  readonly steps: readonly Step[]
  readonly errors: readonly HoldfastError[]
}

/**
 * Runs plans step by step: the intent is in the store before the effect, the outcome after it. The outcome of one step
 * is committed together with the intent of the next, so that a step costs one synced write; what is not yet committed
 * when the process dies is an outcome of an idempotent step, found again by running it.
 */
export class Executor {
  /** True once any step changed something. */
  changed = false
  /** True once a step was begun that does more than look. */
  touched = false
  /** Undos that ran because a plan failed. */
  undone: Undone | undefined
  /** The operation was begun earlier, and interrupted or stuck. */
  readonly resumed: boolean
  readonly done: Step[] = []
  readonly failed: Step[] = []
  readonly #walk: Walk
  readonly #operation: OperationRecord
  readonly #observer: Observer | undefined
  readonly #signal: AbortSignal | undefined
  #number: number
  #pending: Write[] = []
  /** What was to be written by commits that failed: it may be in the store all the same. */
  #unsure: Write[][] = []

  /** `firstStep`: the number of the next step, greater than any that the operation's journal has. */
  constructor(
    walk: Walk,
    operation: OperationRecord,
    options: { observer?: Observer | undefined; signal?: AbortSignal | undefined; firstStep?: number },
  ) {
    this.#walk = walk
    this.#operation = operation
    this.#observer = options.observer
    this.#signal = options.signal
    this.resumed = options.firstStep !== undefined
    this.#number = options.firstStep ?? 1
  }

  /**
   * Runs the whole plan.
   * @throws HoldfastError the first failure, with the others of the same teardown beside it
   */
  async run(plan: Plan): Promise<void> {
    await this.#run(plan, [])
  }

  /** Outcomes that wait for the next commit; to be written with the end of the operation. */
  async takePending(): Promise<readonly Write[]> {
    const unsure = this.#unsure
    this.#unsure = []
    const lost = unsure.length > 0 ? await this.#notStored(unsure) : []
    const pending = [...lost, ...this.#pending]
    this.#pending = []
    return pending
  }

  /** Those of failed commits, which are whole in the store or not at all, that must be written again. */
  async #notStored(commits: Write[][]): Promise<readonly Write[]> {
    try {
      const stored = await this.#walk.parts.store.entries(this.#operation.id)
      const isStored = (write: Write) =>
        'put' in write &&
        write.put === 'entry' &&
        stored.some(({ step, event }) => step === write.row.step && event === write.row.event)
      return commits.flatMap(writes => (writes.some(isStored) ? [] : writes))
    } catch (error) {
      this.#unsure = [...commits, ...this.#unsure]
      throw error
    }
  }

  async #run(plan: Plan, ran: Ran[]): Promise<void> {
    if ('step' in plan) return await this.#step(plan.step, ran)
    if ('each' in plan) return await this.#each(plan.each, ran)
    if ('undoable' in plan) return await this.#undoable(plan.undoable, ran)
    for (const child of plan.seq) await this.#run(child, ran)
  }

  async #each(plans: readonly Plan[], ran: Ran[]): Promise<void> {
    const { volumeBound } = this.#walk.parts.settings
    const outcomes = await mapSettled(plans, volumeBound, child => this.#run(child, ran))
    const error = collectErrors(outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : [])))
    if (error) throw error
  }

  async #undoable(plan: Plan, ran: Ran[]): Promise<void> {
    const mine: Ran[] = []
    try {
      await this.#run(plan, mine)
      ran.push(...mine)
    } catch (error) {
      const { steps, errors } = await this.#undo(mine)
      // What an inner way back could not undo is not undone by this one.
      this.undone = {
        steps: [...(this.undone?.steps ?? []), ...steps],
        errors: [...(this.undone?.errors ?? []), ...errors],
      }
      throw error
    }
  }

  async #step(step: Step, ran: Ran[]): Promise<void> {
    this.#signal?.throwIfAborted()
    const number = this.#number++
    await this.#commit(this.#entry(number, step, 'started'))
    this.#tell(number, step, { state: 'started' })
    this.touched ||= !onlyLooks(step.action)
    const begun = this.#walk.parts.clock.monotonic()
    const ms = () => this.#walk.parts.clock.monotonic() - begun
    try {
      const { change, writes = [] } = await this.#execute(step, this.#signal)
      this.changed ||= change === 'made'
      this.done.push(step)
      ran.push({ number, step })
      this.#pending.push(this.#entry(number, step, 'done', { change }), ...writes)
      this.#tell(number, step, { state: 'done', change: onlyLooks(step.action) ? 'looked' : change, ms: ms() })
    } catch (cause) {
      const error = this.#located(cause, step)
      ran.push({ number, step, failure: error })
      this.failed.push(step)
      this.#pending.push(this.#entry(number, step, 'failed', { error: recordError(error) }))
      this.#tell(number, step, { state: 'failed', message: error.message, ms: ms() })
      throw error
    }
  }

  /** Last first; goes on past a failure. The caller's abort does not stop it: an undo is never left half-way on purpose. */
  async #undo(ran: readonly Ran[]): Promise<Undone> {
    const steps: Step[] = []
    const errors: HoldfastError[] = []
    for (const { number, step, failure } of ran.toReversed()) {
      const undo = undoOf(step, failure)
      if (!undo) continue
      // A volume that something above may still use stays attached: the operation is stuck, and its resume gives it up.
      if (undo.action === 'release' && errors.length + (this.undone?.errors.length ?? 0) > 0) continue
      try {
        await this.#undoStep(number, undo)
        steps.push(undo)
      } catch (error) {
        errors.push(asHoldfastError(error))
      }
    }
    return { steps, errors }
  }

  async #undoStep(number: number, undo: Step): Promise<void> {
    await this.#commit(this.#entry(number, undo, 'undo-started'))
    this.#tell(number, undo, { state: 'undo-started' })
    const begun = this.#walk.parts.clock.monotonic()
    const ms = () => this.#walk.parts.clock.monotonic() - begun
    try {
      const { change, writes = [] } = await this.#execute(undo, undefined)
      this.#pending.push(this.#entry(number, undo, 'undone', { change }), ...writes)
      this.#tell(number, undo, { state: 'undone', change, ms: ms() })
    } catch (cause) {
      const error = this.#located(cause, undo)
      this.#pending.push(this.#entry(number, undo, 'undo-failed', { error: recordError(error) }))
      this.#tell(number, undo, { state: 'undo-failed', message: error.message, ms: ms() })
      throw error
    }
  }

  async #execute(step: Step, signal: AbortSignal | undefined) {
    const { bounds, clock, settings } = this.#walk.parts
    const deadline = deadlineOf(step, settings.deadlines, this.#walk)
    const what = titleOf(step, this.#walk)
    const within = (work: (signal: AbortSignal) => Promise<StepResult>) =>
      withDeadline(clock, deadline, what, signal, work)
    const need = await this.#needOf(step, signal)
    // The wait for room on the host is not the step's own time.
    return await bounds.run(need, { rank: this.#walk.rank, signal }, () =>
      within(inner => EXECUTORS[step.action](this.#walk, step.subject, inner)),
    )
  }

  async #needOf(step: Step, signal: AbortSignal | undefined): Promise<Need<Resource>> {
    if (step.action !== 'unlock') return BUSY.has(step.action) ? ONE_IO : {}
    const { clock, settings } = this.#walk.parts
    const what = `reading the header for '${titleOf(step, this.#walk)}'`
    return await withDeadline(clock, settings.deadlines.step, what, signal, inner =>
      derivationOf(this.#walk, step.subject, inner),
    )
  }

  #located(cause: unknown, step: Step): HoldfastError {
    const { instance } = this.#walk
    const volume = instance.id === step.subject ? undefined : step.subject
    return asHoldfastError(cause).within({
      operation: this.#operation.id,
      instance: instance.id,
      volume,
      layer: layerOf(step.action),
    })
  }

  #entry(number: number, step: Step, event: StepEvent, more: Pick<JournalEntry, 'change' | 'error'> = {}): Write {
    const at = this.#walk.parts.clock.now()
    const { action, subject } = step
    return { put: 'entry', row: { operationId: this.#operation.id, step: number, event, action, subject, at, ...more } }
  }

  async #commit(write: Write): Promise<void> {
    const pending = [...(await this.takePending())]
    try {
      await this.#walk.parts.store.commit([...pending, write])
    } catch (error) {
      if (pending.length > 0) this.#unsure.push(pending)
      throw error
    }
  }

  #tell(number: number, step: Step, outcome: StepOutcome): void {
    this.#observer?.({
      operationId: this.#operation.id,
      operation: this.#operation.kind,
      instance: this.#operation.instanceName,
      step: number,
      action: step.action,
      subject: step.subject,
      title: titleOf(step, this.#walk),
      outcome,
    })
  }
}

/** Waits on the guest have deadlines of their own inside; the step's is a little above, as a backstop. */
function deadlineOf(
  step: Step,
  deadlines: Walk['parts']['settings']['deadlines'],
  { graceMs, mappings }: Pick<Walk, 'graceMs' | 'mappings'>,
): number {
  const own = {
    // Every volume's key may have to be tried after the others'.
    preflight: mappings.length * deadlines.step,
    shutdown: graceMs ?? deadlines.shutdown,
    'soft-reboot': graceMs ?? deadlines.softReboot,
    'await-running': deadlines.boot,
    withdraw: deadlines.detach,
    destroy: deadlines.step,
  }
  const known: Readonly<Partial<Record<Step['action'], number>>> = own
  return (known[step.action] ?? 0) + deadlines.step
}
