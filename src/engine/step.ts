import type { ErrorKind } from '#src/core/error.ts'

/** Verbs on one volume of the instance; the subject is the volume's id. */
export type VolumeAction =
  | 'reserve'
  | 'export'
  | 'check'
  | 'connect'
  | 'unlock'
  | 'present'
  | 'complete'
  | 'begin-detaching'
  | 'roll-detaching'
  | 'withdraw'
  | 'lock'
  | 'disconnect'
  | 'release'
  | 'forget-mapping'
  | 'delete-volume'

/** Verbs on one network interface; the subject is its port id. */
export type PortAction = 'plug' | 'unplug'

/** Verbs on the domain as a whole; the subject is the instance's id. */
export type DomainAction =
  | 'preflight'
  | 'check-attachments'
  | 'check-host'
  | 'define'
  | 'verify'
  | 'start'
  | 'await-running'
  | 'soft-reboot'
  | 'shutdown'
  | 'destroy'
  | 'undefine'
  | 'forget-domain'
  | 'forget-instance'

export type Action = VolumeAction | PortAction | DomainAction

/** One effect, or one look at the host. */
export interface Step {
  readonly action: Action
  readonly subject: string
}

/**
 * What takes a step's effect back. A step without one has no effect, or is itself on the way down: teardown is
 * driven forward, never undone.
 */
const UNDO: Readonly<Partial<Record<Action, Action>>> = {
  reserve: 'release',
  connect: 'disconnect',
  unlock: 'lock',
  present: 'withdraw',
  plug: 'unplug',
  define: 'undefine',
  start: 'destroy',
  'begin-detaching': 'roll-detaching',
}

/**
 * Steps whose undo also runs when the step itself failed, since it may have been done in part, or done although the
 * answer was an error.
 */
const UNDO_WHEN_FAILED: ReadonlySet<Action> = new Set([
  'reserve',
  'connect',
  'unlock',
  'present',
  'plug',
  'define',
  'start',
  'begin-detaching',
])

/** Answers that are a refusal: nothing was done. */
const REFUSALS: ReadonlySet<ErrorKind> = new Set(['wrong-state', 'not-found', 'conflict', 'forbidden', 'invalid-input'])

/** `failure`: what the step itself failed with. */
export function undoOf(step: Step, failure: { readonly kind: ErrorKind } | undefined): Step | undefined {
  const action = UNDO[step.action]
  if (action === undefined) return undefined
  if (failure && !UNDO_WHEN_FAILED.has(step.action)) return undefined
  // Refused, the volume may be taken or detaching for somebody else.
  const isTaking = step.action === 'begin-detaching' || step.action === 'reserve'
  if (failure && isTaking && REFUSALS.has(failure.kind)) return undefined
  return { action, subject: step.subject }
}

/** Which layer of the stack a step works on. */
const LAYERS: Readonly<Partial<Record<Action, 'attachment' | 'connection' | 'encryption' | 'presentation'>>> = {
  reserve: 'attachment',
  export: 'attachment',
  complete: 'attachment',
  'begin-detaching': 'attachment',
  'roll-detaching': 'attachment',
  release: 'attachment',
  connect: 'connection',
  disconnect: 'connection',
  unlock: 'encryption',
  lock: 'encryption',
  present: 'presentation',
  withdraw: 'presentation',
  define: 'presentation',
  verify: 'presentation',
}

export const layerOf = (action: Action) => LAYERS[action]

const LOOKS: ReadonlySet<Action> = new Set([
  'preflight',
  'check-attachments',
  'check-host',
  'check',
  'verify',
  'await-running',
])

/** Whether the step only looks; one that failed has left everything as it was. */
export const onlyLooks = (action: Action): boolean => LOOKS.has(action)
