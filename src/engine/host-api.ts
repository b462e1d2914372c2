import type { OperationRecord, RecordedError } from '#src/journal/operation.ts'
import type { InstanceRecord, TaskState } from '#src/store/records.ts'
import type { RunOptions } from './api.ts'

/**
 * How `resume` left an instance.
 * - `resumed`: it was brought back
 * - `running`: it ran already and was not touched
 * - `stopped-itself`: it went off under this boot of the kernel, so the boot is not why it is off; it was not touched
 * - `waiting-for-…`: what it needs did not answer until the end of the wait; the next `resume` takes it up
 * - `failed`: it did not come back; the error says why
 */
export type ResumeOutcome = 'resumed' | 'running' | 'stopped-itself' | TaskState | 'failed'

export interface ResumedInstance {
  readonly id: string
  readonly name: string
  readonly priority: number
  readonly outcome: ResumeOutcome
  /** From the beginning of the whole resume until this one had its outcome; milliseconds. */
  readonly finishedAfterMs: number
  /** Time that its own work took; without waiting for others, for a key manager or for a volume service. */
  readonly workMs: number
  /** Of the operation that brought it back, or tried to. */
  readonly operationId?: string | undefined
  /** Why it did not come back; also what a waiting one waits for. */
  readonly error?: RecordedError | undefined
  readonly notes: readonly string[]
}

/** An operation that an earlier process had left unfinished, and what became of it. */
export interface EndedOperation {
  readonly operation: OperationRecord
  /** Why it is still unfinished. */
  readonly error?: RecordedError | undefined
}

export interface ResumeReport {
  /** The kernel's boot id now. */
  readonly bootId: string
  readonly startedAt: number
  readonly durationMs: number
  /** Those of instances that were not brought back anyway, by when they had begun. */
  readonly operations: readonly EndedOperation[]
  /** By priority, then by name; only those that are wanted running. */
  readonly instances: readonly ResumedInstance[]
}

export interface ResumeOptions extends RunOptions {
  /** How long to wait for a key manager or volume service that does not answer, milliseconds; 0: not at all. */
  readonly waitMs?: number | undefined
  /** Told of each instance as soon as it has its outcome, and of each that begins to wait. */
  readonly onInstance?: ((instance: ResumedInstance) => void) | undefined
}

/** What of an instance is looked at when its next boot is drilled. */
export interface DrilledVolume {
  readonly volumeId: string
  readonly target: string
  readonly mechanism: 'dm-crypt' | 'native' | 'none' | undefined
  /** Fetching the key, milliseconds; undefined if there is none, or it could not be had. */
  readonly keyMs?: number | undefined
  /** Deriving the key and testing it against the key slot, milliseconds. */
  readonly unlockMs?: number | undefined
  /** Memory that the derivation takes, bytes. */
  readonly memoryBytes?: number | undefined
}

export interface DrilledInstance {
  readonly id: string
  readonly name: string
  readonly priority: number
  readonly wanted: InstanceRecord['wanted']
  /** Its next boot would come through. */
  readonly ready: boolean
  /** What it would fail with, all of it. */
  readonly problems: readonly RecordedError[]
  readonly volumes: readonly DrilledVolume[]
  /** How long its own way up would take, alone; milliseconds. */
  readonly predictedMs: number
  /** When it would be back, counted from the beginning of the resume of the whole host; only if wanted running and ready. */
  readonly predictedBackAfterMs?: number | undefined
}

export interface DrillReport {
  readonly startedAt: number
  readonly durationMs: number
  /** By priority, then by name. */
  readonly instances: readonly DrilledInstance[]
  /** Until all that are wanted running and ready would be back; milliseconds. */
  readonly predictedMs: number
  /** Median time that the hypervisor took of late to define and start a domain, by the journal; or an assumption. */
  readonly domainStart: { readonly ms: number; readonly from: 'journal' | 'assumption' }
}

/**
 * - `none`: nothing can come to harm, such as somebody else's mapping
 * - `low`: space or a name is taken up; the next operation on it would clean up by itself
 * - `medium`: an instance does not run as recorded, or its next start would fail
 * - `high`: data may come to harm, or be read by who should not: two writers, plaintext within reach, another's device
 */
export type Danger = 'none' | 'low' | 'medium' | 'high'

/** What would mend a difference. `commands`: for the operator, where Holdfast must not decide. */
export type Mend =
  | { readonly by: 'fix'; readonly title: string; readonly steps: readonly string[] }
  | { readonly by: 'operator'; readonly title: string; readonly commands: readonly string[] }
  | { readonly by: 'nobody' }

export interface Finding {
  /** The same difference has the same id at the next check. */
  readonly id: string
  /** `mapping-leftover`, `domain-not-running`, `mapping-foreign` … */
  readonly code: string
  readonly danger: Danger
  /** What it is about: `mapping crypt-…`, `loop device /dev/loop3`, `domain web`. */
  readonly object: string
  /** Whose it most likely is: `instance web, volume data`, `not Holdfast's`. */
  readonly owner: string
  readonly message: string
  readonly mend: Mend
}

export interface HostCheck {
  readonly checkedAt: number
  /** Most dangerous first; `none` are foreign things, listed so that nobody has to wonder. */
  readonly findings: readonly Finding[]
  /** Parts of the host that could not be looked at, and why: nothing is said of them. */
  readonly blind: readonly { readonly part: string; readonly error: RecordedError }[]
  readonly looked: {
    readonly instances: number
    readonly domains: number
    readonly mappings: number
    readonly loops: number
    readonly secrets: number
    readonly taps: number
    readonly attachments: number
  }
}

export interface FixedFinding {
  readonly finding: Finding
  readonly outcome: 'fixed' | 'failed' | 'gone'
  readonly error?: RecordedError | undefined
}

/** What concerns this host as a whole. */
export interface HostOperations {
  /**
   * Ends what an earlier process left unfinished, then brings every instance back that is wanted running and that a boot of
   * the host ended (Nova `resume_guests_state_on_host_boot`): by priority, side by side within bounds. Told apart by the
   * kernel's boot id, so that after a mere restart of the process nothing that runs is touched.
   */
  resume(options?: ResumeOptions): Promise<ResumeReport>
  /** Read-only comparison of what is recorded with what is really there. */
  check(options?: { signal?: AbortSignal | undefined }): Promise<HostCheck>
  /**
   * Runs the mends of these findings of a check, each looked at anew right before: what is gone is `gone`. Never touches what is
   * not ours, never deletes data.
   */
  fix(findings: readonly Finding[], options?: RunOptions): Promise<readonly FixedFinding[]>
  /** Tries, without disturbing anything, what the next boot of every instance would need. */
  drill(options?: {
    signal?: AbortSignal | undefined
    onInstance?: ((instance: DrilledInstance) => void) | undefined
  }): Promise<DrillReport>
}
