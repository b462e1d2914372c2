import { mapSettled } from '#src/core/concurrency.ts'
import { withDeadline } from '#src/core/deadline.ts'
import type { GuestSource } from '#src/core/disk.ts'
import { asHoldfastError, type HoldfastError, hasCode } from '#src/core/error.ts'
import type { DomainFacts } from '#src/hypervisor/hypervisor.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { Attachment, Volume } from '#src/volumes/volume-service.ts'
import { LIVE } from '../../admission.ts'
import type { HostCheck } from '../../host-api.ts'
import type { OperationsEngine } from '../../operations.ts'
import { type Parts, servicesOf } from '../../parts.ts'
import { verifyVolume } from '../../verify.ts'
import { Walk } from '../../walk.ts'
import type { Facts } from './picture.ts'

const AT_ONCE = 8

export interface Observed {
  readonly facts: Facts
  readonly blind: HostCheck['blind']
}

export interface Looking {
  readonly parts: Parts
  readonly operations: Pick<OperationsEngine, 'unfinished'>
  /** True while another process holds the state: what is unfinished then is under way. */
  readonly isBusy: () => Promise<boolean>
  readonly signal: AbortSignal | undefined
}

/** Looks at everything that there is to compare. Changes nothing; what could not be looked at is told, and left out. */
export async function observe(looking: Looking): Promise<Observed> {
  const { parts, operations } = looking
  const { store } = parts
  const blind: { part: string; error: ReturnType<typeof recordError> }[] = []
  const look = <T>(part: string, ask: (signal: AbortSignal) => Promise<T>) => seen(looking, part, ask, blind)
  const [instances, mappings, unfinished, busy] = await Promise.all([
    store.instances(),
    store.allMappings(),
    operations.unfinished(),
    looking.isBusy(),
  ])
  const [domains, cryptMappings, secrets, sources, taps, volumes] = await Promise.all([
    look('domains', signal => parts.hypervisor.list(signal)),
    look('crypt mappings', signal => parts.encryptors['dm-crypt'].list(signal)),
    look('secrets', signal => parts.encryptors.native.list(signal)),
    look('loop devices', signal => allSources(parts, signal)),
    look('taps', signal => parts.nic.list(signal)),
    look('volumes', signal => allVolumes(parts, mappings, signal)),
  ])
  const attachments = volumes && (await look('attachments', signal => allAttachments(parts, volumes, mappings, signal)))
  const { standing, unreachable } = await allStanding(looking, instances, mappings, domains ?? [])
  for (const error of unreachable) blind.push({ part: 'disks of guests', error: recordError(error) })
  const former = await formerInstances(parts, instances, attachments ?? [])
  const facts = {
    bootId: parts.settings.bootId,
    instances,
    mappings,
    domains,
    cryptMappings,
    secrets,
    sources,
    taps,
    volumes,
  }
  return { facts: { ...facts, unfinished: busy ? [] : unfinished, attachments, standing, former }, blind }
}

async function seen<T>(
  { parts, signal }: Looking,
  part: string,
  ask: (signal: AbortSignal) => Promise<T>,
  blind: { part: string; error: ReturnType<typeof recordError> }[],
): Promise<T | undefined> {
  try {
    return await withDeadline(parts.clock, parts.settings.deadlines.step, `looking at ${part}`, signal, ask)
  } catch (error) {
    signal?.throwIfAborted()
    blind.push({ part, error: recordError(asHoldfastError(error)) })
    return undefined
  }
}

async function allSources({ connectors }: Parts, signal: AbortSignal) {
  return (await Promise.all([...connectors.values()].map(connector => connector.list(signal)))).flat()
}

/** A cloud has volumes of many hosts: of them only those that are recorded here are looked at. */
async function allVolumes(
  parts: Parts,
  mappings: readonly BlockDeviceMapping[],
  signal: AbortSignal,
): Promise<readonly Volume[]> {
  const remote = [...new Map(mappings.map(row => [row.volumeId, row])).values()].filter(row => row.cloud !== undefined)
  const [own, outcomes] = await Promise.all([
    parts.volumes.getAll({}, signal),
    mapSettled(remote, AT_ONCE, ({ cloud, volumeId }) => servicesOf(parts, cloud).volumes.get(volumeId, signal)),
  ])
  const found = outcomes.flatMap(outcome => {
    if (outcome.status === 'fulfilled') return [outcome.value]
    if (hasCode(outcome.reason, 'volume-not-found')) return []
    throw outcome.reason
  })
  return [...own, ...found]
}

/** Volumes in these states cannot have one, unless we have it recorded. */
const FREE: ReadonlySet<Volume['status']> = new Set([
  'available',
  'creating',
  'deleting',
  'downloading',
  'error',
  'error_deleting',
])

async function allAttachments(
  parts: Parts,
  all: readonly Volume[],
  mappings: readonly BlockDeviceMapping[],
  signal: AbortSignal,
): Promise<readonly Attachment[]> {
  const recorded = new Map(mappings.map(row => [row.volumeId, row]))
  const asked = all.filter(({ id, status }) => !FREE.has(status) || recorded.has(id))
  const outcomes = await mapSettled(asked, AT_ONCE, ({ id }) => {
    const { volumes } = servicesOf(parts, recorded.get(id)?.cloud)
    return volumes.attachmentGetAll({ volumeId: id }, signal)
  })
  return outcomes.flatMap(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

interface Standing {
  /** By mapping id. */
  readonly standing: ReadonlyMap<string, GuestSource | HoldfastError>
  /** Why some could not be looked at. */
  readonly unreachable: readonly HoldfastError[]
}

/** What really lies below the disks of guests that run, proved as before a start. */
async function allStanding(
  { parts, signal }: Looking,
  instances: readonly InstanceRecord[],
  mappings: readonly BlockDeviceMapping[],
  domains: readonly DomainFacts[],
): Promise<Standing> {
  const running = new Set(domains.filter(({ state }) => LIVE.has(state)).map(({ id }) => id))
  const found = new Map<string, GuestSource | HoldfastError>()
  const unreachable = new Map<string, HoldfastError>()
  await mapSettled(
    instances.filter(({ id }) => running.has(id)),
    AT_ONCE,
    async instance => {
      const own = mappings.filter(({ instanceId }) => instanceId === instance.id)
      using walk = new Walk(parts, instance, own)
      for (const { id, volumeId } of own) {
        const verify = (inner: AbortSignal) => verifyVolume(walk, volumeId, inner)
        const verified = withDeadline(
          parts.clock,
          parts.settings.deadlines.step,
          `verifying volume ${volumeId}`,
          signal,
          verify,
        )
        const outcome = await verified.catch(asHoldfastError)
        // Storage that does not answer says nothing of what lies below.
        if (hasCode(outcome, 'storage-unreachable'))
          unreachable.set(asHoldfastError(outcome).message, asHoldfastError(outcome))
        else found.set(id, outcome)
      }
    },
  )
  signal?.throwIfAborted()
  return { standing: found, unreachable: [...unreachable.values()] }
}

/** Of the instances that attachments name: those that are gone, but that our journal knows to have been ours. */
async function formerInstances(
  { store }: Parts,
  instances: readonly InstanceRecord[],
  attachments: readonly Attachment[],
): Promise<ReadonlySet<string>> {
  const known = new Set(instances.map(({ id }) => id))
  const named = new Set(
    attachments.flatMap(({ instanceId }) => (instanceId === null || known.has(instanceId) ? [] : [instanceId])),
  )
  const former = new Set<string>()
  for (const id of named) if ((await store.operations({ instanceId: id, limit: 1 })).length > 0) former.add(id)
  return former
}
