import { asHoldfastError, HoldfastError } from '#src/core/error.ts'
import type { OperationKind, OperationRecord, OperationState } from '#src/journal/operation.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { Write } from '#src/store/store.ts'
import type { OperationResult, RunOptions } from './api.ts'
import { Executor } from './executor.ts'
import type { Parts } from './parts.ts'
import { describeFailure, failedState } from './report.ts'
import { Walk } from './walk.ts'

/** What one kind of operation does beyond what all have in common. */
export interface Conduct {
  readonly kind: OperationKind
  readonly volumeId?: string | undefined
  /** `rolled-back`: running it takes an interrupted operation back. */
  readonly endsAs: 'done' | 'rolled-back'
  /** Rows written in the same commit as the operation's own. */
  readonly begin?: ((walk: Walk) => readonly Write[]) | undefined
  readonly run: (executor: Executor, walk: Walk) => Promise<void>
  /** Rows written in the same commit as the operation's end. */
  readonly done: (walk: Walk) => readonly Write[]
  readonly failed: (walk: Walk, failure: Failure) => Promise<readonly Write[]>
}

export interface Failure {
  readonly error: HoldfastError
  readonly state: OperationState
  readonly touched: boolean
}

/** Begins an operation, durably, and drives it to its end. */
export async function begin(
  parts: Parts,
  instance: InstanceRecord,
  mappings: readonly BlockDeviceMapping[],
  conduct: Conduct,
  options: RunOptions & { graceMs?: number | undefined; insert?: readonly Write[] | undefined; rank?: number },
): Promise<OperationResult> {
  const operation: OperationRecord = {
    id: parts.random.uuid(),
    kind: conduct.kind,
    instanceId: instance.id,
    instanceName: instance.name,
    volumeId: conduct.volumeId,
    state: 'running',
    bootId: parts.settings.bootId,
    startedAt: parts.clock.now(),
    version: 1,
  }
  using walk = new Walk(parts, instance, mappings)
  walk.graceMs = options.graceMs
  walk.rank = options.rank ?? 0
  const rows = [...(options.insert ?? []), ...(conduct.begin?.(walk) ?? [])]
  await commit(parts, operation, [...rows, { put: 'operation', row: operation }])
  return await drive(walk, operation, conduct, new Executor(walk, operation, options))
}

/** Takes up an operation that was interrupted or stuck; its steps are numbered on. */
export async function takeUp(
  parts: Parts,
  operation: OperationRecord,
  instance: InstanceRecord,
  mappings: readonly BlockDeviceMapping[],
  conduct: Conduct,
  options: RunOptions,
): Promise<OperationResult> {
  const entries = await parts.store.entries(operation.id)
  const firstStep = entries.reduce((last, entry) => Math.max(last, entry.step), 0) + 1
  using walk = new Walk(parts, instance, mappings)
  const running = { ...operation, state: 'running' as const, error: undefined, version: operation.version + 1 }
  await commit(parts, operation, [
    ...(conduct.begin?.(walk) ?? []),
    {
      update: 'operation',
      id: operation.id,
      version: operation.version,
      patch: { state: 'running', error: undefined },
    },
  ])
  return await drive(walk, running, conduct, new Executor(walk, running, { ...options, firstStep }))
}

async function drive(
  walk: Walk,
  operation: OperationRecord,
  conduct: Conduct,
  executor: Executor,
): Promise<OperationResult> {
  try {
    await conduct.run(executor, walk)
  } catch (cause) {
    throw await fail(walk, operation, conduct, executor, asHoldfastError(cause))
  }
  const ended = await end(walk, operation, executor, conduct.done(walk), { state: conduct.endsAs })
  return { operation: ended, change: executor.changed ? 'made' : 'already', notes: walk.notes }
}

async function fail(
  walk: Walk,
  operation: OperationRecord,
  conduct: Conduct,
  executor: Executor,
  cause: HoldfastError,
): Promise<HoldfastError> {
  const state = failedState(operation.kind, executor)
  const error = describeFailure(cause, walk, operation, executor, state)
  try {
    const writes = await conduct.failed(walk, { error, state, touched: executor.touched })
    await end(walk, operation, executor, writes, { state, error: recordError(error) })
  } catch (second) {
    // The first error is what the caller must see; the operation stays `running` and is taken up by the next start.
    return new HoldfastError(error.kind, error.code, error.message, {
      cause: error.cause,
      also: [...error.also, second],
      details: {
        ...error.details,
        left: 'the end of the operation could not be recorded; it is taken up at the next start',
      },
    })
  }
  return error
}

async function end(
  walk: Walk,
  operation: OperationRecord,
  executor: Executor,
  writes: readonly Write[],
  patch: Pick<OperationRecord, 'state' | 'error'>,
): Promise<OperationRecord> {
  const { parts } = walk
  const ended = { ...patch, finishedAt: parts.clock.now() }
  const { id, version } = operation
  await commit(parts, operation, [
    ...(await executor.takePending()),
    ...writes,
    { update: 'operation', id, version, patch: ended },
  ])
  return { ...operation, ...ended, version: version + 1 }
}

/** Writes rows of an operation. Which one a failure is of is told with it (I8). */
async function commit(parts: Parts, { id, instanceId }: OperationRecord, writes: readonly Write[]): Promise<void> {
  try {
    await parts.store.commit(writes)
  } catch (cause) {
    const left = 'what could not be recorded was not begun, or is taken up at the next start'
    throw asHoldfastError(cause).within({ operation: id, instance: instanceId, left })
  }
}
