import type { Instances, Operations } from './engine/api.ts'
import type { HostOperations } from './engine/host-api.ts'
import type { VolumeService } from './volumes/volume-service.ts'

/** One thing that this host can do or lacks. */
export interface HostAbility {
  readonly name: string
  readonly available: boolean
  /** Version, path or reason. */
  readonly detail: string
  /** How to get it, if it is lacking. */
  readonly hint?: string | undefined
}

export interface HostStatus {
  readonly host: string
  /** Made by the kernel at each boot: another one means that the host was restarted. */
  readonly bootId: string
  readonly stateDirectory: string
  readonly availabilityZone: string
  readonly abilities: readonly HostAbility[]
  readonly pool: { readonly path: string; readonly freeBytes: number }
}

/** A file of the state directory that holds records. */
export interface StateFile {
  readonly noun: string
  readonly path: string
  /** False: it was not made yet. */
  readonly there: boolean
  /** Why it cannot be used. */
  readonly problem?: { readonly code: string; readonly message: string } | undefined
}

/** A copy that the state keeps of itself. */
export interface StateBackup {
  readonly path: string
  /** Of which file. */
  readonly of: string
  readonly noun: string
  readonly madeAt: number
  readonly bytes: number
  readonly problem?: StateFile['problem']
}

export interface RestoredFile {
  readonly path: string
  readonly from: string
  /** Where the damaged file is now; undefined if there was none. */
  readonly aside?: string | undefined
}

/** What concerns the state directory itself; works also where the state is damaged. */
export interface StateOperations {
  /** Looks through every file, all of it. */
  check(): Promise<readonly StateFile[]>
  /** Newest first, each looked through. */
  backups(): Promise<readonly StateBackup[]>
  /**
   * What `restore` would do.
   * @throws HoldfastError `state-not-damaged` (wrong-state), `backup-not-found` (not-found)
   */
  plan(backup?: string): Promise<readonly RestoredFile[]>
  /**
   * Puts the named backup, or the newest whole one of each damaged file, in its place. What was there is moved aside. Nobody may
   * have the records open: it is the first thing that is done with an opened Holdfast.
   */
  restore(backup?: string): Promise<readonly RestoredFile[]>
}

/** What of a cloud can be used, found by logging in and asking. */
export interface CloudStatus {
  readonly name: string
  readonly authUrl: string
  readonly userId?: string | undefined
  readonly projectId?: string | undefined
  readonly roles: readonly string[]
  readonly region?: string | undefined
  /** ISO 8601 */
  readonly tokenExpiresAt?: string | undefined
  /** What Holdfast uses of it, each with what is missing and who can mend it. */
  readonly features: readonly HostAbility[]
}

/** The cloud that owns the volumes, where one is configured. */
export interface CloudOperations {
  /**
   * Changes nothing there.
   * @throws HoldfastError `no-cloud` (invalid-input) if none is chosen, and whatever keeps it from logging in
   */
  check(signal?: AbortSignal): Promise<CloudStatus>
  /** What the volume service says about a volume that failed, newest first; empty for the embedded one. */
  messagesOf(volumeId: string, signal?: AbortSignal): Promise<readonly string[]>
}

/** The library's face: every operation and every query. The CLI calls nothing else. */
export interface Holdfast extends AsyncDisposable {
  readonly volumes: VolumeService
  readonly instances: Instances
  readonly operations: Operations
  readonly host: HostOperations
  readonly state: StateOperations
  readonly cloud: CloudOperations
  hostStatus(): Promise<HostStatus>
  close(): Promise<void>
}
