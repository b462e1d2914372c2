import type { InstanceView, PlannedStep } from '#src/engine/api.ts'
import type { OperationRecord } from '#src/journal/operation.ts'
import type { AnyPlan } from '../views.ts'

export interface ResumeFacts {
  readonly bootId: string
  readonly instances: readonly InstanceView[]
  readonly unfinished: readonly OperationRecord[]
}

/** What `resume` would do with an instance that is wanted running, by what is recorded and what the hypervisor says. */
type Fate = 'comes-back' | 'running' | 'stopped-itself' | 'unknown'

function fateOf({ record, power }: InstanceView, bootId: string): Fate {
  if (power === undefined) return 'unknown'
  if (power === 'running' || power === 'paused') return 'running'
  const lost = record.taskState !== undefined || record.bootId !== bootId || record.status === 'ERROR'
  return lost ? 'comes-back' : 'stopped-itself'
}

/** Higher priority first, then by name. */
const byPriority = ({ record: a }: InstanceView, { record: b }: InstanceView): number =>
  b.priority - a.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

export interface PlannedResume {
  readonly plan: AnyPlan
  /** Told beside the plan: wanted running, and yet not touched. */
  readonly notes: readonly string[]
}

export function planResume({ bootId, instances, unfinished }: ResumeFacts): PlannedResume {
  const wanted = instances.filter(({ record }) => record.wanted === 'running').toSorted(byPriority)
  const of = (fate: Fate) => wanted.filter(view => fateOf(view, bootId) === fate)
  return {
    plan: {
      kind: 'host-resume',
      steps: [...unfinished.map(endStep), ...of('comes-back').map(resumeStep)],
      problems: of('unknown').map(({ record }) => ({
        code: 'hypervisor-unavailable',
        message: `the hypervisor does not say whether instance ${record.name} runs`,
        hint: 'holdfast host status',
      })),
    },
    notes: [
      ...of('running').map(({ record }) => `instance ${record.name} runs and would not be touched`),
      ...of('stopped-itself').map(
        ({ record }) =>
          `instance ${record.name} went off by itself since the host booted and would be left off; ` +
          `\`holdfast instance reboot --hard ${record.name}\` starts it`,
      ),
    ],
  }
}

const endStep = ({ id, kind, instanceName, state, startedAt }: OperationRecord): PlannedStep => ({
  action: 'resume-operation',
  subject: id,
  title: `end ${kind} of instance ${instanceName} (${state === 'stuck' ? 'stuck' : 'interrupted'}), begun ${new Date(startedAt).toISOString()}`,
  depth: 0,
})

function resumeStep({ record }: InstanceView): PlannedStep {
  const facts = [`priority ${record.priority}`, ...(record.taskState === undefined ? [] : [record.taskState])]
  return {
    action: 'resume-instance',
    subject: record.id,
    title: `bring instance ${record.name} back (${facts.join(', ')})`,
    depth: 0,
  }
}
