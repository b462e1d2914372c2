import { HoldfastError } from '#src/core/error.ts'
import { type JournalEntry, mayBecome, mayFollow, type OperationRecord } from '#src/journal/operation.ts'
import type { BlockDeviceMapping, InstanceRecord } from '#src/store/records.ts'
import type { OperationFilter, Store, Write } from '#src/store/store.ts'
import type { World } from './world.ts'

/** What of the world the store needs: a fault may strike at each change and at each question. */
export type StoreWorld = Pick<World, 'effect' | 'look'>

interface Rows {
  readonly instances: ReadonlyMap<string, InstanceRecord>
  readonly mappings: ReadonlyMap<string, BlockDeviceMapping>
  /** In the order of writing. */
  readonly operations: ReadonlyMap<string, OperationRecord>
  readonly entries: ReadonlyMap<string, readonly JournalEntry[]>
}

/** What of a store is on disk: it outlives the process, and so the `SimStore` that wrote it. */
export class SimStoreDisk {
  rows: Rows = { instances: new Map(), mappings: new Map(), operations: new Map(), entries: new Map() }
  /** True: it takes nothing more. */
  full = false

  /** Rows are never changed in place, so that both may have the same. */
  fork(): SimStoreDisk {
    const { rows, full } = this
    return Object.assign(new SimStoreDisk(), { rows, full })
  }
}

/** What the store of this simulated host has on disk. */
export const simStoreDisk = (world: Pick<World, 'slot'>): SimStoreDisk => world.slot('store', () => new SimStoreDisk())

/** The store of a process on this simulated host; the next process finds what this one has committed. */
export const openSimStore = (world: World): SimStore => new SimStore(world, simStoreDisk(world))

/**
 * The store's simulated twin: each commit is one effect, which is on disk whole or not at all. A death between its write and its
 * sync leaves one of the two states that a death before and a death after the effect leave: with the power what was not synced
 * is gone, with the process alone it is still in the page cache. So both are explored, and need no effect of their own.
 */
export class SimStore implements Store {
  readonly #world: StoreWorld
  readonly #disk: SimStoreDisk
  #closed = false

  constructor(world: StoreWorld, disk: SimStoreDisk) {
    this.#world = world
    this.#disk = disk
  }

  async commit(writes: readonly Write[]): Promise<void> {
    this.#checkOpen()
    await this.#world.effect('store commit', () => {
      const draft = new Draft(this.#disk.rows)
      for (const write of writes) draft.apply(write)
      if (this.#disk.full) throw new HoldfastError('no-space', 'no-space', 'no space left for the state database')
      this.#disk.rows = draft.rows
    })
  }

  async instance(id: string): Promise<InstanceRecord | undefined> {
    return await this.#read(`instance ${id}`, ({ instances }) => instances.get(id))
  }

  async instances(): Promise<readonly InstanceRecord[]> {
    return await this.#read('instances', ({ instances }) =>
      [...instances.values()].sort((a, b) => compare(a.name, b.name)),
    )
  }

  async mappings(instanceId: string): Promise<readonly BlockDeviceMapping[]> {
    return await this.#mappings(row => row.instanceId === instanceId)
  }

  async mappingsOfVolume(volumeId: string): Promise<readonly BlockDeviceMapping[]> {
    return await this.#mappings(row => row.volumeId === volumeId)
  }

  async allMappings(): Promise<readonly BlockDeviceMapping[]> {
    return await this.#mappings(() => true)
  }

  async operation(id: string): Promise<OperationRecord | undefined> {
    return await this.#read(`operation ${id}`, ({ operations }) => operations.get(id))
  }

  async operations({ instanceId, states, limit = 100 }: OperationFilter): Promise<readonly OperationRecord[]> {
    const wanted = (row: OperationRecord) =>
      (instanceId === undefined || row.instanceId === instanceId) &&
      (states === undefined || states.includes(row.state))
    return await this.#read('operations', ({ operations }) => {
      return [...operations.values()].reverse().filter(wanted).slice(0, limit)
    })
  }

  async entries(operationId: string): Promise<readonly JournalEntry[]> {
    return await this.#read(`entries of operation ${operationId}`, ({ entries }) => entries.get(operationId) ?? [])
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #mappings(wanted: (row: BlockDeviceMapping) => boolean): Promise<readonly BlockDeviceMapping[]> {
    return this.#read('mappings', ({ mappings }) => [...mappings.values()].filter(wanted).sort(byInstanceAndTarget))
  }

  async #read<T>(what: string, pick: (rows: Rows) => T): Promise<T> {
    this.#checkOpen()
    return await this.#world.look(`store read ${what}`, () => copy(pick(this.#disk.rows)))
  }

  #checkOpen(): void {
    if (this.#closed) throw new HoldfastError('internal', 'internal', 'the store is closed')
  }
}

/** The rows as they will be if the commit comes through; the old ones stay as they are. */
class Draft {
  readonly #instances: Map<string, InstanceRecord>
  readonly #mappings: Map<string, BlockDeviceMapping>
  readonly #operations: Map<string, OperationRecord>
  readonly #entries: Map<string, readonly JournalEntry[]>

  constructor(rows: Rows) {
    this.#instances = new Map(rows.instances)
    this.#mappings = new Map(rows.mappings)
    this.#operations = new Map(rows.operations)
    this.#entries = new Map(rows.entries)
  }

  get rows(): Rows {
    const [instances, mappings] = [this.#instances, this.#mappings]
    return { instances, mappings, operations: this.#operations, entries: this.#entries }
  }

  apply(write: Write): void {
    if ('remove' in write) this.#remove(write)
    else if ('update' in write) this.#update(write)
    else if (write.put === 'instance') this.#setInstance(fresh(this.#instances, write.row))
    else if (write.put === 'mapping') this.#setMapping(fresh(this.#mappings, write.row))
    else if (write.put === 'operation') this.#operations.set(write.row.id, fresh(this.#operations, write.row))
    else this.#append(write.row)
  }

  #update(write: Extract<Write, { update: string }>): void {
    if (write.update === 'instance') this.#setInstance(patched(this.#instances, write))
    else if (write.update === 'mapping') this.#setMapping(patched(this.#mappings, write))
    else {
      const next = patched(this.#operations, write)
      const from = this.#operations.get(write.id)?.state
      if (from && write.patch.state && !mayBecome(from, write.patch.state)) {
        throw illegal(`operation ${write.id} is '${from}' and may not become '${write.patch.state}'`)
      }
      this.#operations.set(next.id, next)
    }
  }

  #remove({ remove, id }: Extract<Write, { remove: string }>): void {
    if (remove === 'mapping') this.#mappings.delete(id)
    else if ([...this.#mappings.values()].some(row => row.instanceId === id)) {
      throw conflict(`instance ${id} still has mappings`)
    } else this.#instances.delete(id)
  }

  #setInstance(row: InstanceRecord): void {
    const named = [...this.#instances.values()].find(other => other.name === row.name && other.id !== row.id)
    if (named) throw new HoldfastError('conflict', 'name-taken', `another instance has the name ${row.name}`)
    this.#instances.set(row.id, row)
  }

  #setMapping(row: BlockDeviceMapping): void {
    if (!this.#instances.has(row.instanceId)) throw conflict(`mapping ${row.id} has no instance`)
    for (const other of this.#mappings.values()) {
      if (other.id === row.id || other.instanceId !== row.instanceId) continue
      if (other.volumeId === row.volumeId) throw conflict(`the instance has volume ${row.volumeId} already`)
      if (other.target === row.target) throw conflict(`the instance has target ${row.target} already`)
    }
    this.#mappings.set(row.id, row)
  }

  #append(entry: JournalEntry): void {
    const before = this.#entries.get(entry.operationId) ?? []
    const last = before.findLast(({ step }) => step === entry.step)?.event
    if (!mayFollow(last, entry.event)) {
      throw illegal(`operation ${entry.operationId}, step ${entry.step}: '${entry.event}' after '${last}'`)
    }
    if (!this.#operations.has(entry.operationId)) throw conflict(`there is no operation ${entry.operationId}`)
    this.#entries.set(entry.operationId, [...before, copy(entry)])
  }
}

function fresh<T extends { readonly id: string }>(rows: ReadonlyMap<string, T>, row: T): T {
  if (rows.has(row.id)) throw conflict(`row ${row.id} is there already`)
  return copy(row)
}

function patched<T extends { readonly id: string; readonly version: number }>(
  rows: ReadonlyMap<string, T>,
  { id, version, patch }: { readonly id: string; readonly version: number; readonly patch: object },
): T {
  const row = rows.get(id)
  if (row?.version !== version) throw conflict(`row ${id} is not at version ${version} any more`)
  return copy({ ...row, ...patch, version: version + 1 })
}

/** What a disk would give back: nothing shared with the caller, and no field that is undefined. */
const copy = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const byInstanceAndTarget = (a: BlockDeviceMapping, b: BlockDeviceMapping): number =>
  compare(a.instanceId, b.instanceId) || a.target.length - b.target.length || compare(a.target, b.target)

const conflict = (message: string) => new HoldfastError('conflict', 'store-conflict', message)

const illegal = (message: string) => new HoldfastError('internal', 'journal-illegal', message)
