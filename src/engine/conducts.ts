import { isHoldfastError } from '#src/core/error.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { InstanceStatus } from '#src/store/records.ts'
import type { Write } from '#src/store/store.ts'
import { waitsFor } from './away.ts'
import type { Executor } from './executor.ts'
import type { Conduct, Failure } from './operate.ts'
import {
  planAttach,
  planAttachBack,
  planCreate,
  planCreateBack,
  planDelete,
  planDetach,
  planDetachForward,
  planHardReboot,
  planResume,
  planSoftReboot,
  planStop,
} from './plans.ts'
import type { Action } from './step.ts'
import type { Walk } from './walk.ts'

const setStatus = (status: InstanceStatus) => (walk: Walk) => [walk.patchInstance({ status })]

const runs = (walk: Walk): readonly Write[] => [
  walk.patchInstance({
    status: 'ACTIVE',
    wanted: 'running',
    taskState: undefined,
    fault: undefined,
    bootId: walk.parts.settings.bootId,
  }),
]

/** After a failed power operation: as before if nothing was touched or the guest runs, else ERROR with the reason. */
const settle =
  (before: InstanceStatus) =>
  async (walk: Walk, { error, touched }: Failure): Promise<readonly Write[]> => {
    if (!touched) return [walk.patchInstance({ status: before })]
    if (await isRunning(walk)) return [walk.patchInstance({ status: 'ACTIVE', fault: recordError(error) })]
    return [walk.patchInstance({ status: 'ERROR', fault: recordError(error) })]
  }

async function isRunning(walk: Walk): Promise<boolean> {
  try {
    return (await walk.parts.hypervisor.observe(walk.instance.id))?.state === 'running'
  } catch (error) {
    // The hypervisor does not answer: nothing may be claimed to run.
    walk.notes.push(`the domain's state could not be read: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

export const hardReboot = (before: InstanceStatus, kind: 'hard-reboot' | 'start', force: boolean): Conduct => ({
  kind,
  endsAs: 'done',
  begin: setStatus('HARD_REBOOT'),
  run: (executor, walk) => executor.run(planHardReboot(walk, { preflight: !force })),
  done: runs,
  failed: settle(before),
})

/** Failures of a soft reboot after which the guest is in a state that a hard reboot mends. */
const MENDED_BY_HARD = new Set(['timeout', 'host-command', 'wrong-state', 'not-found', 'busy'])

/** Brings an instance back that a boot of the host ended; one whose services are away waits for them. */
export const resume = (): Conduct => ({
  kind: 'resume',
  endsAs: 'done',
  begin: setStatus('HARD_REBOOT'),
  run: (executor, walk) => executor.run(planResume(walk)),
  done: runs,
  failed: async (walk, failure) => {
    const taskState = waitsFor(failure.error)
    const fault = recordError(failure.error)
    if (taskState && failure.state !== 'stuck') return [walk.patchInstance({ status: 'SHUTOFF', taskState, fault })]
    return await settle('ERROR')(walk, { ...failure, touched: true })
  },
})

export const softReboot = (before: InstanceStatus): Conduct => ({
  kind: 'soft-reboot',
  endsAs: 'done',
  begin: setStatus('REBOOT'),
  run: async (executor, walk) => {
    try {
      await executor.run(planSoftReboot(walk))
    } catch (error) {
      if (!isHoldfastError(error) || !MENDED_BY_HARD.has(error.kind)) throw error
      walk.notes.push(`the guest did not reboot by itself (${error.message}); it was rebooted hard`)
      await executor.run(planHardReboot(walk, { preflight: true }))
    }
  },
  done: runs,
  failed: settle(before),
})

export const stop = (before: InstanceStatus, graceful: boolean): Conduct => ({
  kind: 'stop',
  endsAs: 'done',
  run: (executor, walk) => executor.run(planStop(walk, { graceful })),
  done: walk => [walk.patchInstance({ status: 'SHUTOFF', wanted: 'stopped', taskState: undefined, fault: undefined })],
  failed: settle(before),
})

export const create = (): Conduct => ({
  kind: 'create',
  endsAs: 'done',
  run: (executor, walk) => executor.run(planCreate(walk)),
  done: runs,
  failed: async (walk, { error, state }) =>
    state === 'stuck'
      ? [walk.patchInstance({ status: 'ERROR', fault: recordError(error) })]
      : [...walk.mappings.map(row => walk.removeMapping(row.volumeId)), { remove: 'instance', id: walk.instance.id }],
})

export const attach = (volumeId: string, live: boolean): Conduct => ({
  kind: 'attach',
  volumeId,
  endsAs: 'done',
  run: executor => executor.run(planAttach(volumeId, live)),
  done: () => [],
  failed: async (walk, { state }) => (state === 'stuck' ? [] : [walk.removeMapping(volumeId)]),
})

export const detach = (volumeId: string): Conduct => ({
  kind: 'detach',
  volumeId,
  endsAs: 'done',
  run: executor => executor.run(planDetach(volumeId)),
  done: () => [],
  failed: async () => [],
})

export const remove = (): Conduct => ({
  kind: 'delete',
  endsAs: 'done',
  begin: setStatus('DELETING'),
  run: (executor, walk) => executor.run(planDelete(walk)),
  done: () => [],
  failed: async (walk, { error }) => [walk.patchInstance({ status: 'ERROR', fault: recordError(error) })],
})

/** Takes back an attach that was interrupted. */
const attachBack = (volumeId: string): Conduct => ({
  ...attach(volumeId, false),
  endsAs: 'rolled-back',
  run: executor => executor.run(planAttachBack(volumeId)),
  failed: async () => [],
})

/** Drives a detach that was interrupted to its end: the guest is asked again, which is nothing if it has let go. */
const detachForward = (volumeId: string): Conduct => ({
  ...detach(volumeId),
  run: async executor => {
    await executor.run({ step: { action: 'withdraw', subject: volumeId } })
    await executor.run(planDetachForward(volumeId))
  },
})

const createBack = (defined: boolean): Conduct => ({
  ...create(),
  endsAs: 'rolled-back',
  run: (executor: Executor, walk) => executor.run(planCreateBack(walk, { defined })),
  done: () => [],
  failed: async (walk, { error }) => [walk.patchInstance({ status: 'ERROR', fault: recordError(error) })],
})

/** How an interrupted or stuck operation is ended: teardowns and reboots forward, attach and create back. */
export function resumption(
  operation: { readonly kind: Conduct['kind']; readonly volumeId?: string | undefined },
  walk: {
    readonly status: InstanceStatus
    readonly hasMapping: (volumeId: string) => boolean
    /** Whether the journal has that a step of this action was begun: what it does not have was not. */
    readonly wasBegun: (action: Action) => boolean
  },
): Conduct {
  const { kind, volumeId } = operation
  const nothing: Conduct = { kind, endsAs: 'done', run: async () => {}, done: () => [], failed: async () => [] }
  if (kind === 'create') return createBack(walk.wasBegun('define'))
  if (kind === 'resume') return resume()
  if (kind === 'delete') return remove()
  if (kind === 'stop') return stop(walk.status, false)
  if (kind === 'start' || kind === 'hard-reboot') return hardReboot('ERROR', kind, false)
  if (kind === 'soft-reboot') return { ...hardReboot('ERROR', 'hard-reboot', false), kind }
  if (volumeId === undefined || !walk.hasMapping(volumeId)) {
    return kind === 'attach' ? { ...nothing, endsAs: 'rolled-back' } : nothing
  }
  return kind === 'attach' ? attachBack(volumeId) : detachForward(volumeId)
}
