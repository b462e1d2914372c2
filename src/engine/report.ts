import { collectErrors, HoldfastError } from '#src/core/error.ts'
import type { OperationKind, OperationRecord, OperationState } from '#src/journal/operation.ts'
import type { Executor } from './executor.ts'
import type { Step } from './step.ts'
import { titleOf } from './title.ts'
import type { Walk } from './walk.ts'

/** Operations that end where they began if they fail. */
const ROLLS_BACK: ReadonlySet<OperationKind> = new Set(['create', 'attach', 'detach'])
/** Operations that can only be driven forward once something was touched. */
const FORWARD_ONLY: ReadonlySet<OperationKind> = new Set(['delete', 'detach'])

export function failedState(kind: OperationKind, { undone, touched, resumed }: Executor): OperationState {
  if (undone && undone.errors.length > 0) return 'stuck'
  // What an earlier try had made still stands, even if nothing was touched this time.
  if (resumed && (ROLLS_BACK.has(kind) || FORWARD_ONLY.has(kind))) return 'stuck'
  if (!touched) return 'failed'
  if (undone) return ROLLS_BACK.has(kind) ? 'rolled-back' : 'failed'
  return FORWARD_ONLY.has(kind) ? 'stuck' : 'failed'
}

/** The first error, told with what was undone, what is left and what to do (I8, I9). */
export function describeFailure(
  error: HoldfastError,
  walk: Walk,
  operation: OperationRecord,
  executor: Executor,
  state: OperationState,
): HoldfastError {
  const undoErrors = executor.undone?.errors ?? []
  const undoError = collectErrors(undoErrors)
  const left = undoError ? `not undone: ${undoError.message}` : leftBehind(walk, executor, state)
  const hint = error.details.hint ?? hintFor(walk, operation, executor, state)
  return new HoldfastError(error.kind, error.code, error.message, {
    cause: error.cause,
    also: [...error.also, ...undoErrors],
    details: {
      ...error.details,
      instance: error.details.instance ?? walk.instance.id,
      operation: operation.id,
      left,
      hint,
    },
  })
}

function leftBehind(walk: Walk, executor: Executor, state: OperationState): string {
  if (!executor.touched) return 'nothing was touched; everything is as it was'
  if (state === 'rolled-back') return 'everything that was done was undone; nothing is left'
  const titles = (steps: readonly Step[]) => steps.map(step => titleOf(step, walk)).join(', ')
  const parts = [
    executor.done.length > 0 ? `done: ${titles(executor.done)}` : '',
    executor.undone && executor.undone.steps.length > 0 ? `then undone: ${titles(executor.undone.steps)}` : '',
    `failed: ${titles(executor.failed)}`,
  ]
  return parts.filter(part => part !== '').join('; ')
}

function hintFor(
  walk: Walk,
  operation: OperationRecord,
  executor: Executor,
  state: OperationState,
): string | undefined {
  if (state === 'stuck') return `mend the cause, then 'holdfast operation resume ${operation.id}'`
  if (!executor.touched || state === 'rolled-back') return undefined
  return `mend the cause, then 'holdfast instance reboot --hard ${walk.instance.name}'; attachments and data are kept`
}
