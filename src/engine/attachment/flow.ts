import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type { BlockDeviceMapping } from '#src/store/records.ts'
import type { Patch } from '#src/store/store.ts'
import type { Walk } from '../walk.ts'

/**
 * Layer 1 by one generation of the volume service's verbs. Each verb can be repeated, and each works for a volume whose
 * attachment died half-way.
 */
export interface AttachmentFlow {
  /** Takes the volume for the instance; gives what is to be recorded. */
  reserve(walk: Walk, volumeId: string, signal: AbortSignal): Promise<Patch<BlockDeviceMapping>>
  /** Connection info for this host; undefined if the service has none to give. */
  export(walk: Walk, volumeId: string, signal: AbortSignal): Promise<ConnectionInfo | undefined>
  /** The guest has it: the volume becomes `in-use`. */
  complete(walk: Walk, volumeId: string, signal: AbortSignal): Promise<Change>
  /**
   * Whether the volume service still has the volume as the instance's own; true where nothing was ever reserved. Asked of a
   * volume that is attached.
   */
  isStanding(walk: Walk, volumeId: string, signal: AbortSignal): Promise<boolean>
  /** Gives all of it up, whatever stands. */
  release(walk: Walk, volumeId: string, signal: AbortSignal): Promise<Change>
}
