import { Budget } from '#src/core/budget.ts'
import { withDeadline } from '#src/core/deadline.ts'
import type { DiskSource } from '#src/core/disk.ts'
import { asHoldfastError } from '#src/core/error.ts'
import type { RecordedError } from '#src/journal/operation.ts'
import { recordError } from '#src/journal/recorded-error.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import { checkAttachment, checkHost, checkStorage, mechanismFor, tryKeySlot } from '../check.ts'
import type { DrilledInstance, DrilledVolume, DrillReport } from '../host-api.ts'
import type { Parts } from '../parts.ts'
import { Walk } from '../walk.ts'
import { forecast, type InstanceCost } from './forecast.ts'
import { byPriority } from './order.ts'
import { type Pace, paceOf } from './pace.ts'

export interface DrillOptions {
  readonly signal?: AbortSignal | undefined
  readonly onInstance?: ((instance: DrilledInstance) => void) | undefined
}

interface Tried {
  readonly volume: DrilledVolume
  readonly threads: number
  /** Where the volume's file is what QEMU itself opens. */
  readonly below?: DiskSource | undefined
  readonly problems: readonly RecordedError[]
}

/** Tries what the next boot of every instance needs, side by side within the bounds. Nothing is changed, no guest disturbed. */
export async function drillHost(parts: Parts, options: DrillOptions): Promise<DrillReport> {
  const { clock, store, bounds, settings } = parts
  const [startedAt, begun] = [clock.now(), clock.monotonic()]
  const pace = await paceOf(store)
  const instances = (await store.instances()).toSorted(byPriority)
  const lanes = new Budget({ instances: bounds.settings.instances })
  const drilled = await Promise.all(
    instances.map((instance, rank) =>
      lanes.run({ instances: 1 }, { rank, signal: options.signal }, async () => {
        const one = await drillInstance(parts, instance, { pace, rank, signal: options.signal })
        options.onInstance?.(one.drilled)
        return one
      }),
    ),
  )
  const coming = drilled.filter(({ drilled: { wanted, ready } }) => wanted === 'running' && ready)
  const back = forecast(
    coming.map(({ cost }) => cost),
    bounds.settings,
    settings.volumeBound,
  )
  const backOf = new Map(coming.map(({ drilled: { id } }, index) => [id, back[index]]))
  return {
    startedAt,
    durationMs: clock.monotonic() - begun,
    instances: drilled.map(({ drilled: one }) => ({ ...one, predictedBackAfterMs: backOf.get(one.id) })),
    predictedMs: Math.max(0, ...back),
    domainStart: { ms: pace.domainMs, from: pace.from },
  }
}

async function drillInstance(
  parts: Parts,
  instance: InstanceRecord,
  how: { readonly pace: Pace; readonly rank: number; readonly signal: AbortSignal | undefined },
): Promise<{ readonly drilled: DrilledInstance; readonly cost: InstanceCost }> {
  const mappings = await parts.store.mappings(instance.id)
  using walk = new Walk(parts, instance, mappings)
  walk.rank = how.rank
  const tried = await Promise.all(mappings.map(row => drillVolume(walk, row, how.signal)))
  const below = new Map(tried.flatMap(({ volume, below }) => (below ? [[volume.volumeId, below] as const] : [])))
  const host = await problemOf(walk, 'checking the host', how.signal, signal => checkHost(walk, below, signal))
  const problems = [...tried.flatMap(one => one.problems), ...host]
  const cost = costOf(tried, how.pace)
  const { id, name, priority, wanted } = instance
  const volumes = tried.map(({ volume }) => volume)
  const [predictedMs = 0] = forecast([cost], parts.bounds.settings, parts.settings.volumeBound)
  return { cost, drilled: { id, name, priority, wanted, ready: problems.length === 0, problems, volumes, predictedMs } }
}

const costOf = (tried: readonly Tried[], pace: Pace): InstanceCost => ({
  domainMs: pace.domainMs,
  volumes: tried.map(({ volume, threads }) => ({
    keyMs: volume.keyMs ?? 0,
    connectMs: pace.connectMs,
    unlockMs: volume.unlockMs ?? 0,
    memoryBytes: volume.memoryBytes ?? 0,
    threads,
  })),
})

/** Everything that is wrong with the volume, not just the first. */
async function drillVolume(walk: Walk, row: BlockDeviceMapping, signal: AbortSignal | undefined): Promise<Tried> {
  const { volumeId, target } = row
  const attempt = <T>(what: string, work: (signal: AbortSignal) => Promise<T>) => tried(walk, what, signal, work)
  const [attachment, below, key, chosen] = await Promise.all([
    attempt(`the attachment of volume ${volumeId}`, inner => checkAttachment(walk, volumeId, inner)),
    attempt(`the storage of volume ${volumeId}`, inner => checkStorage(walk, volumeId, inner)),
    attempt(`the key of volume ${volumeId}`, inner => timed(walk, () => walk.passphrase(volumeId, inner))),
    attempt(`the mechanism of volume ${volumeId}`, () => mechanismFor(walk, volumeId)),
  ])
  const mechanism = chosen.value
  const encrypted = mechanism !== undefined && mechanism !== 'none'
  const unlock =
    encrypted && below.value && key.value
      ? await attempt(`the key slot of volume ${volumeId}`, inner =>
          tryKeySlot(walk, { volumeId, mechanism, source: below.value as DiskSource }, inner),
        )
      : { problems: [] }
  const { cost, ms } = unlock.value ?? {}
  return {
    volume: {
      volumeId,
      target,
      mechanism,
      keyMs: encrypted ? key.value?.ms : undefined,
      unlockMs: ms,
      memoryBytes: cost?.memoryBytes,
    },
    threads: cost?.threads ?? 1,
    below: mechanism === 'dm-crypt' ? undefined : below.value,
    problems: [attachment, below, key, chosen, unlock].flatMap(({ problems }) => problems),
  }
}

async function timed<T>({ parts: { clock } }: Walk, work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const begun = clock.monotonic()
  const value = await work()
  return { value, ms: clock.monotonic() - begun }
}

/** The value, or why there is none. An abort of the caller's is no finding. */
async function tried<T>(
  { parts: { clock, settings } }: Walk,
  what: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value?: T; readonly problems: readonly RecordedError[] }> {
  try {
    return { value: await withDeadline(clock, settings.deadlines.step, what, signal, work), problems: [] }
  } catch (error) {
    signal?.throwIfAborted()
    return { problems: [recordError(asHoldfastError(error))] }
  }
}

async function problemOf(
  walk: Walk,
  what: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<readonly RecordedError[]> {
  return (await tried(walk, what, signal, work)).problems
}
