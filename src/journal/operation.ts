import type { ErrorKind } from '#src/core/error.ts'

export type OperationKind =
  | 'create'
  | 'start'
  | 'stop'
  | 'soft-reboot'
  | 'hard-reboot'
  | 'attach'
  | 'detach'
  | 'delete'
  | 'resume'

/**
 * - `running`: under way, or interrupted by the death of its process
 * - `done`, `failed` (nothing of it is left), `rolled-back` (its effects were undone)
 * - `stuck`: it failed and could not be driven either way; `holdfast operation resume` tries again
 */
export type OperationState = 'running' | 'done' | 'failed' | 'rolled-back' | 'stuck'

/** A failure as it is kept: no stack, no secret. */
export interface RecordedError {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly left?: string | undefined
  readonly hint?: string | undefined
}

export interface OperationRecord {
  readonly id: string
  readonly kind: OperationKind
  readonly instanceId: string
  readonly instanceName: string
  /** Attach and detach: the volume. */
  readonly volumeId?: string | undefined
  readonly state: OperationState
  readonly error?: RecordedError | undefined
  /** Kernel boot that it was begun under. */
  readonly bootId: string
  readonly startedAt: number
  readonly finishedAt?: number | undefined
  readonly version: number
}

/** One line of an operation's journal: append-only, written before the effect (`started`) and after it. */
export interface JournalEntry {
  readonly operationId: string
  /** The step's number within the operation; every event of a step has the same. */
  readonly step: number
  readonly event: StepEvent
  /** `connect`, `unlock` … */
  readonly action: string
  /** The volume, port or instance that the step is about. */
  readonly subject: string
  readonly change?: 'made' | 'already' | undefined
  readonly error?: RecordedError | undefined
  readonly at: number
}

export type StepEvent = 'started' | 'done' | 'failed' | 'undo-started' | 'undone' | 'undo-failed'

/** Which event may follow which, for one step; `undefined` is the step's beginning. */
const FOLLOWS: ReadonlyMap<StepEvent | undefined, readonly StepEvent[]> = new Map<
  StepEvent | undefined,
  readonly StepEvent[]
>([
  [undefined, ['started']],
  ['started', ['done', 'failed', 'undo-started']],
  ['done', ['undo-started']],
  ['failed', ['undo-started']],
  ['undo-started', ['undone', 'undo-failed']],
  ['undone', []],
  ['undo-failed', ['undo-started']],
])

export const mayFollow = (before: StepEvent | undefined, event: StepEvent): boolean =>
  FOLLOWS.get(before)?.includes(event) ?? false

const NEXT_STATE: Readonly<Record<OperationState, readonly OperationState[]>> = {
  running: ['running', 'done', 'failed', 'rolled-back', 'stuck'],
  stuck: ['running'],
  done: [],
  failed: [],
  'rolled-back': [],
}

export const mayBecome = (from: OperationState, to: OperationState): boolean => NEXT_STATE[from].includes(to)
