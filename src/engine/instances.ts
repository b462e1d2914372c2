import type { KeyedLock } from '#src/core/concurrency.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import type { DomainState } from '#src/hypervisor/hypervisor.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import { admitCreate, admitDetach, admitHotPlug, admitName, admitPriority, admitVolume } from './admission.ts'
import type {
  CreateInstance,
  Instances,
  InstanceView,
  OperationResult,
  PlanRequest,
  PlanView,
  RunOptions,
} from './api.ts'
import * as conducts from './conducts.ts'
import { consoleLogOf, nextTarget } from './domain-spec.ts'
import { instanceKeys } from './keys.ts'
import { begin, type Conduct } from './operate.ts'
import type { OperationsEngine } from './operations.ts'
import { type Parts, servicesOf } from './parts.ts'
import { viewPlan } from './plan-view.ts'
import { newInstance, placementOf } from './records.ts'

interface Found {
  readonly instance: InstanceRecord
  readonly mappings: readonly BlockDeviceMapping[]
}

/**
 * The operations on instances. One at a time for each instance, and for each volume (I7); an operation that an earlier
 * process left unfinished is ended before the next one begins.
 */
export class InstancesEngine implements Instances {
  readonly #parts: Parts
  readonly #operations: OperationsEngine
  readonly #locks: KeyedLock

  constructor(parts: Parts, operations: OperationsEngine, locks: KeyedLock) {
    this.#parts = parts
    this.#operations = operations
    this.#locks = locks
  }

  async list(): Promise<readonly InstanceView[]> {
    const { store } = this.#parts
    const [records, mappings, powers] = await Promise.all([store.instances(), store.allMappings(), this.#powers()])
    const byInstance = Map.groupBy(mappings, row => row.instanceId)
    return records.map(record => ({
      record,
      mappings: byInstance.get(record.id) ?? [],
      power: powers && (powers.get(record.id) ?? 'none'),
    }))
  }

  async show(id: string): Promise<InstanceView> {
    const { instance, mappings } = await this.#find(id)
    return { record: instance, mappings, power: await this.#power(id) }
  }

  async create(request: CreateInstance, options: RunOptions = {}): Promise<{ id: string; result: OperationResult }> {
    admitCreate(request)
    const placement = request.volumes.length > 0 ? await placementOf(this.#parts) : {}
    const { instance, mappings } = newInstance(this.#parts, request, placement)
    const volumes = mappings.map(row => row.volumeId)
    const result = await this.#locks.runAll(instanceKeys(instance.id, volumes), async () => {
      admitName(request.name, await this.#parts.store.instances())
      await this.#admitVolumes(instance, volumes)
      const insert = [
        { put: 'instance' as const, row: instance },
        ...mappings.map(row => ({ put: 'mapping' as const, row })),
      ]
      return await begin(this.#parts, instance, mappings, conducts.create(), { ...options, insert })
    })
    return { id: instance.id, result }
  }

  start(id: string, options: RunOptions & { force?: boolean } = {}): Promise<OperationResult> {
    return this.#operate(id, options, async found => {
      const running = found.instance.status === 'ACTIVE' && (await this.#power(id)) === 'running'
      return running
        ? nothingToDo('start')
        : conducts.hardReboot(found.instance.status, 'start', options.force === true)
    })
  }

  stop(id: string, options: RunOptions & { graceMs?: number } = {}): Promise<OperationResult> {
    return this.#operate(id, options, async ({ instance }) => conducts.stop(instance.status, options.graceMs !== 0))
  }

  softReboot(id: string, options: RunOptions & { graceMs?: number } = {}): Promise<OperationResult> {
    return this.#operate(id, options, async ({ instance }) => conducts.softReboot(instance.status))
  }

  hardReboot(id: string, options: RunOptions & { force?: boolean } = {}): Promise<OperationResult> {
    return this.#operate(id, options, async ({ instance }) =>
      conducts.hardReboot(instance.status, 'hard-reboot', options.force === true),
    )
  }

  async attach(
    id: string,
    volumeId: string,
    options: RunOptions & { deleteOnTermination?: boolean } = {},
  ): Promise<OperationResult> {
    return await this.#exclusive(id, [volumeId], 'attach', options, async ({ instance, mappings }) => {
      const live = admitHotPlug(instance, await this.#requirePower(id))
      await this.#admitVolumes(instance, [volumeId])
      const row: BlockDeviceMapping = {
        id: this.#parts.random.uuid(),
        instanceId: id,
        volumeId,
        target: nextTarget(new Set(mappings.map(mapping => mapping.target))),
        deleteOnTermination: options.deleteOnTermination === true,
        ...(await placementOf(this.#parts)),
        version: 1,
      }
      const insert = [{ put: 'mapping' as const, row }]
      return await begin(this.#parts, instance, [...mappings, row], conducts.attach(volumeId, live), {
        ...options,
        insert,
      })
    })
  }

  async detach(id: string, volumeId: string, options: RunOptions = {}): Promise<OperationResult> {
    return await this.#exclusive(id, [volumeId], 'detach', options, async ({ instance, mappings }) => {
      admitDetach(
        instance,
        mappings.find(row => row.volumeId === volumeId),
        volumeId,
      )
      return await begin(this.#parts, instance, mappings, conducts.detach(volumeId), options)
    })
  }

  async update(id: string, { priority }: { readonly priority: number }): Promise<InstanceRecord> {
    admitPriority(priority)
    return await this.#locks.runAll(instanceKeys(id, []), async () => {
      const { instance } = await this.#find(id)
      if (instance.priority === priority) return instance
      const { version } = instance
      await this.#parts.store.commit([{ update: 'instance', id, version, patch: { priority } }])
      return { ...instance, priority, version: version + 1 }
    })
  }

  delete(id: string, options: RunOptions = {}): Promise<OperationResult> {
    return this.#operate(id, options, async () => conducts.remove())
  }

  async plan(request: PlanRequest): Promise<PlanView> {
    if (request.kind === 'create') {
      admitCreate(request.create)
      const { instance, mappings } = newInstance(this.#parts, request.create, await placementOf(this.#parts))
      const volumes = mappings.map(row => row.volumeId)
      return await viewPlan(this.#parts, { kind: 'create', instance, mappings }, async () => {
        admitName(request.create.name, await this.#parts.store.instances())
        await this.#admitVolumes(instance, volumes)
      })
    }
    const { instance, mappings } = await this.#find(request.id)
    if (request.kind === 'attach') {
      return await viewPlan(this.#parts, { ...request, instance, mappings }, async () => {
        admitHotPlug(instance, await this.#requirePower(request.id))
        await this.#admitVolumes(instance, [request.volumeId])
      })
    }
    return await viewPlan(this.#parts, { ...request, instance, mappings }, async () => {
      if (request.kind === 'detach') {
        admitDetach(
          instance,
          mappings.find(row => row.volumeId === request.volumeId),
          request.volumeId,
        )
      }
    })
  }

  async consoleLog(id: string): Promise<string> {
    return consoleLogOf(this.#parts.settings.instancesDirectory, id)
  }

  /** An operation on the instance and all its volumes. */
  async #operate(
    id: string,
    options: RunOptions & { graceMs?: number },
    conductFor: (found: Found) => Promise<Conduct>,
  ): Promise<OperationResult> {
    const { mappings } = await this.#find(id)
    const volumes = mappings.map(row => row.volumeId)
    return await this.#exclusive(id, volumes, undefined, options, async found => {
      const conduct = await conductFor(found)
      return await begin(this.#parts, found.instance, found.mappings, conduct, options)
    })
  }

  async #exclusive(
    id: string,
    volumes: readonly string[],
    kind: 'attach' | 'detach' | undefined,
    options: RunOptions,
    work: (found: Found) => Promise<OperationResult>,
  ): Promise<OperationResult> {
    return await this.#locks.runAll(instanceKeys(id, volumes), async () => {
      await this.#operations.endUnfinished(id, kind === undefined, options)
      return await work(await this.#find(id))
    })
  }

  async #admitVolumes(instance: InstanceRecord, volumeIds: readonly string[]): Promise<void> {
    const { store, cloud, settings } = this.#parts
    const { volumes } = servicesOf(this.#parts, cloud)
    for (const volumeId of volumeIds) {
      const [volume, others] = await Promise.all([volumes.get(volumeId), store.mappingsOfVolume(volumeId)])
      admitVolume(volume, instance, others, settings.crossZoneAttach)
    }
  }

  async #find(id: string): Promise<Found> {
    const { store } = this.#parts
    const [instance, mappings] = await Promise.all([store.instance(id), store.mappings(id)])
    if (instance) return { instance, mappings }
    throw new HoldfastError('not-found', 'instance-not-found', `there is no instance ${id}`)
  }

  async #requirePower(id: string): Promise<DomainState | 'none'> {
    return (await this.#parts.hypervisor.observe(id))?.state ?? 'none'
  }

  /** Undefined if the hypervisor does not answer: a query does not depend on it. */
  async #power(id: string): Promise<DomainState | 'none' | undefined> {
    return await unlessUnavailable(() => this.#requirePower(id))
  }

  async #powers(): Promise<ReadonlyMap<string, DomainState> | undefined> {
    return await unlessUnavailable(async () => {
      const domains = await this.#parts.hypervisor.list()
      return new Map(domains.map(domain => [domain.id, domain.state]))
    })
  }
}

async function unlessUnavailable<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isHoldfastError(error) && (error.kind === 'unavailable' || hasCode(error, 'timeout'))) return undefined
    throw error
  }
}

const nothingToDo = (kind: Conduct['kind']): Conduct => ({
  kind,
  endsAs: 'done',
  run: async () => {},
  done: () => [],
  failed: async () => [],
})
