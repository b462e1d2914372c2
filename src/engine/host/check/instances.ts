import type { DomainFacts } from '#src/hypervisor/hypervisor.ts'
import type { InstanceRecord } from '#src/store/records.ts'
import { type Diagnosis, fixable, operators } from './diagnosis.ts'
import { instanceLabel, type Picture } from './picture.ts'

/** What the records say of each instance, against its domain. */
export function compareInstances(picture: Picture): readonly Diagnosis[] {
  return [...unfinished(picture), ...picture.facts.instances.flatMap(instance => compareInstance(picture, instance))]
}

const unfinished = ({ facts }: Picture): readonly Diagnosis[] =>
  facts.unfinished.map(({ id, kind, instanceName, state, error }) =>
    fixable(
      {
        code: 'operation-unfinished',
        key: id,
        danger: 'medium',
        object: `operation ${id} (${kind})`,
        owner: `instance ${instanceName}`,
        message:
          state === 'stuck'
            ? `${kind} of instance ${instanceName} is stuck: ${error?.message ?? 'why is not recorded'}`
            : `${kind} of instance ${instanceName} was interrupted when its process died`,
      },
      'resume the operation',
      [`drive the ${kind} of instance ${instanceName} to an end, from what is recorded and really there`],
      { do: 'resume-operation', operationId: id },
    ),
  )

function compareInstance(picture: Picture, instance: InstanceRecord): readonly Diagnosis[] {
  const runs = picture.runs(instance)
  if (runs === undefined || picture.isInterrupted(instance.id)) return []
  const domain = picture.domain(instance.id)
  if (domain && !domain.ours) return [foreignInTheWay(instance, domain)]
  if (instance.wanted === 'stopped') return runs ? [runsUnexpectedly(instance)] : []
  return runs ? [] : [doesNotRun(picture, instance)]
}

const foreignInTheWay = (instance: InstanceRecord, domain: DomainFacts): Diagnosis =>
  operators(
    {
      code: 'domain-in-the-way',
      key: instance.id,
      danger: 'medium',
      object: `domain ${domain.name}`,
      owner: `${instanceLabel(instance)}, by its UUID; but without Holdfast's mark`,
      message: `the domain with the UUID of instance ${instance.name} was not made by Holdfast; the instance cannot be started`,
    },
    'find out whose it is',
    [`virsh dumpxml ${domain.id}`],
  )

const runsUnexpectedly = (instance: InstanceRecord): Diagnosis =>
  operators(
    {
      code: 'domain-running',
      key: instance.id,
      danger: 'high',
      object: `domain ${instance.name}`,
      owner: instanceLabel(instance),
      message: `instance ${instance.name} is recorded as stopped, but its domain runs; nothing proved its disks when it was started`,
    },
    'stop it, or have it started by Holdfast',
    [`holdfast instance stop ${instance.name}`, `holdfast instance start ${instance.name}`],
  )

function doesNotRun(picture: Picture, instance: InstanceRecord): Diagnosis {
  const object = `domain ${instance.name}`
  const common = { key: instance.id, danger: 'medium' as const, object, owner: instanceLabel(instance) }
  if (instance.taskState !== undefined || instance.bootId !== picture.facts.bootId) {
    const why = instance.fault ? `: ${instance.fault.message}` : ''
    const state = instance.taskState ?? 'not brought back since the host booted'
    const message = `instance ${instance.name} is wanted running and does not run; ${state}${why}`
    return fixable(
      { ...common, code: 'instance-not-back', message },
      'bring the instance back',
      [
        'what a hard reboot does: interfaces, connection and encryption of each volume, domain, each proved before the start',
      ],
      { do: 'resume-instance', instanceId: instance.id },
    )
  }
  const why = instance.fault
    ? `; its last operation failed: ${instance.fault.message}`
    : '; its guest went off by itself, or crashed'
  return operators(
    {
      ...common,
      code: 'domain-not-running',
      message: `instance ${instance.name} is recorded as running, and its domain is ${picture.domain(instance.id)?.state ?? 'not there'}${why}`,
    },
    'start it, or record it as stopped',
    [`holdfast instance reboot --hard ${instance.name}`, `holdfast instance stop ${instance.name}`],
  )
}
