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

/** The library's face: every operation and every query. The CLI calls nothing else. */
export interface Holdfast extends AsyncDisposable {
  readonly volumes: VolumeService
  readonly instances: Instances
  readonly operations: Operations
  readonly host: HostOperations
  hostStatus(): Promise<HostStatus>
  close(): Promise<void>
}
