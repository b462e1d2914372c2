import type { JournalEntry, OperationRecord, OperationState } from '#src/journal/operation.ts'
import type { BlockDeviceMapping, InstanceRecord } from './records.ts'

/** What may be changed of a row; never its id. */
export type Patch<T> = Partial<Omit<T, 'id' | 'version' | 'instanceId' | 'createdAt' | 'startedAt'>>

/**
 * One change of the store. An update names the version that it was made from; if the row has moved on, the whole
 * commit is refused with `store-conflict` and changes nothing. A row's version grows by one with each update.
 */
export type Write =
  | { readonly put: 'instance'; readonly row: InstanceRecord }
  | {
      readonly update: 'instance'
      readonly id: string
      readonly version: number
      readonly patch: Patch<InstanceRecord>
    }
  | { readonly remove: 'instance'; readonly id: string }
  | { readonly put: 'mapping'; readonly row: BlockDeviceMapping }
  | {
      readonly update: 'mapping'
      readonly id: string
      readonly version: number
      readonly patch: Patch<BlockDeviceMapping>
    }
  | { readonly remove: 'mapping'; readonly id: string }
  | { readonly put: 'operation'; readonly row: OperationRecord }
  | {
      readonly update: 'operation'
      readonly id: string
      readonly version: number
      readonly patch: Patch<OperationRecord>
    }
  | { readonly put: 'entry'; readonly row: JournalEntry }

export interface OperationFilter {
  readonly instanceId?: string | undefined
  readonly states?: readonly OperationState[] | undefined
  /** Newest first, at most this many; 100 unless told. */
  readonly limit?: number | undefined
}

/**
 * Records of this host: instances, block device mappings, operations and their journal. Rows with versions,
 * compare-and-set, never a blob. Codes: `store-conflict` (conflict), `name-taken` (conflict), `no-space`,
 * `state-corrupt` (corrupt), `state-newer` (unsupported), `forbidden`.
 */
export interface Store {
  /** All or nothing, and on disk when it returns. */
  commit(writes: readonly Write[]): Promise<void>
  instance(id: string): Promise<InstanceRecord | undefined>
  /** Sorted by name. */
  instances(): Promise<readonly InstanceRecord[]>
  /** By target. */
  mappings(instanceId: string): Promise<readonly BlockDeviceMapping[]>
  mappingsOfVolume(volumeId: string): Promise<readonly BlockDeviceMapping[]>
  allMappings(): Promise<readonly BlockDeviceMapping[]>
  operation(id: string): Promise<OperationRecord | undefined>
  operations(filter: OperationFilter): Promise<readonly OperationRecord[]>
  /** In the order of writing. */
  entries(operationId: string): Promise<readonly JournalEntry[]>
  close(): Promise<void>
}
