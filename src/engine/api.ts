import type { DomainState } from '#src/hypervisor/hypervisor.ts'
import type { JournalEntry, OperationKind, OperationRecord } from '#src/journal/operation.ts'
import type { BlockDeviceMapping, InstanceRecord, KernelBoot } from '#src/store/records.ts'

export interface CreateInstance {
  readonly name: string
  readonly memoryMib: number
  readonly cpus: number
  /** Volume ids, in the order of their targets. */
  readonly volumes: readonly {
    readonly volumeId: string
    readonly boot?: boolean
    readonly deleteOnTermination?: boolean
  }[]
  readonly kernel?: KernelBoot | undefined
  readonly networks: readonly { readonly bridge: string; readonly mac?: string | undefined }[]
  /** After a host boot instances of a higher one come back first; −1000 to 1000, 0 unless told. */
  readonly priority?: number | undefined
}

/** An instance as it is recorded, with what the hypervisor says now. */
export interface InstanceView {
  readonly record: InstanceRecord
  readonly mappings: readonly BlockDeviceMapping[]
  /** `none`: no such domain. Undefined: the hypervisor did not answer. */
  readonly power: DomainState | 'none' | undefined
}

/** A line of a plan, for `--dry-run` and for progress. `depth` indents what runs side by side. */
export interface PlannedStep {
  readonly action: string
  readonly subject: string
  readonly title: string
  readonly depth: number
}

export interface PlanView {
  readonly kind: OperationKind
  readonly instance: string
  readonly steps: readonly PlannedStep[]
  /** Refusals and preflight failures that a real run would meet now; empty if it would begin. */
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint?: string | undefined }[]
}

export type StepOutcome =
  | { readonly state: 'started' | 'undo-started' }
  /** `looked`: a step that only looks at the host, and found it well. */
  | { readonly state: 'done' | 'undone'; readonly change: 'made' | 'already' | 'looked'; readonly ms: number }
  | { readonly state: 'failed' | 'undo-failed'; readonly message: string; readonly ms: number }

/** What an observer of an operation is told, as it happens. */
export interface StepProgress {
  readonly operationId: string
  readonly operation: OperationKind
  /** Name of the instance. */
  readonly instance: string
  readonly step: number
  readonly action: string
  readonly subject: string
  /** For people: `unlock volume data-1 (dm-crypt)`. */
  readonly title: string
  readonly outcome: StepOutcome
}

export type Observer = (progress: StepProgress) => void

export interface RunOptions {
  readonly signal?: AbortSignal | undefined
  readonly observer?: Observer | undefined
}

/** What an operation did. */
export interface OperationResult {
  readonly operation: OperationRecord
  /** 'already': there was nothing to do. */
  readonly change: 'made' | 'already'
  /** Things worth telling that were no failure, such as a graceful stop that had to become a hard one. */
  readonly notes: readonly string[]
}

export interface OperationView {
  readonly record: OperationRecord
  readonly entries: readonly JournalEntry[]
}

/** Everything that can be done with instances. Ids are full ids; names are resolved above. */
export interface Instances {
  list(): Promise<readonly InstanceView[]>
  show(id: string): Promise<InstanceView>
  create(request: CreateInstance, options?: RunOptions): Promise<{ id: string; result: OperationResult }>
  start(id: string, options?: RunOptions & { force?: boolean }): Promise<OperationResult>
  /** `graceMs`: how long the guest may take to power off by itself; then it is pulled. 0: at once. */
  stop(id: string, options?: RunOptions & { graceMs?: number }): Promise<OperationResult>
  /** Soft; becomes a hard reboot if the guest does not answer within `graceMs`. */
  softReboot(id: string, options?: RunOptions & { graceMs?: number }): Promise<OperationResult>
  /** `force`: go on although the preflight says that the way up will fail. */
  hardReboot(id: string, options?: RunOptions & { force?: boolean }): Promise<OperationResult>
  attach(
    id: string,
    volumeId: string,
    options?: RunOptions & { deleteOnTermination?: boolean },
  ): Promise<OperationResult>
  detach(id: string, volumeId: string, options?: RunOptions): Promise<OperationResult>
  delete(id: string, options?: RunOptions): Promise<OperationResult>
  /** Changes what is recorded of the instance; its guest goes on as it is. */
  update(id: string, change: { readonly priority: number }): Promise<InstanceRecord>
  /** What a call would do, without doing it. */
  plan(request: PlanRequest): Promise<PlanView>
  /** Where the guest's console output is kept. */
  consoleLog(id: string): Promise<string>
}

export type PlanRequest =
  | { readonly kind: 'create'; readonly create: CreateInstance }
  | { readonly kind: 'start' | 'stop' | 'soft-reboot' | 'hard-reboot' | 'delete'; readonly id: string }
  | { readonly kind: 'attach' | 'detach'; readonly id: string; readonly volumeId: string }

export interface Operations {
  list(filter?: { instanceId?: string; unfinished?: boolean; limit?: number }): Promise<readonly OperationRecord[]>
  show(id: string): Promise<OperationView>
  /** Drives an interrupted or stuck operation forward or back, from what is recorded and really there. */
  resume(id: string, options?: RunOptions): Promise<OperationResult>
}
