import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type { EncryptionMechanism } from '#src/core/disk.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import type { RecordedError } from '#src/journal/operation.ts'

/** Status words of the Compute API v2.1. */
export type InstanceStatus = 'BUILD' | 'ACTIVE' | 'SHUTOFF' | 'REBOOT' | 'HARD_REBOOT' | 'ERROR' | 'DELETING'

/** The part of the way up that did not answer; the instance is started when it does. */
export type TaskState = 'waiting-for-key' | 'waiting-for-volume-service'

/** Lowest and highest. */
export const PRIORITY_RANGE = { minimum: -1000, maximum: 1000 } as const

export interface KernelBoot {
  readonly image: string
  readonly initrd?: string | undefined
  readonly append?: string | undefined
}

export interface InterfaceRecord {
  readonly portId: string
  readonly bridge: string
  readonly mac: string
  readonly tap: string
}

export interface InstanceRecord {
  readonly id: string
  readonly name: string
  readonly availabilityZone: string
  readonly memoryMib: number
  readonly cpus: number
  readonly kernel?: KernelBoot | undefined
  readonly interfaces: readonly InterfaceRecord[]
  readonly status: InstanceStatus
  /** What the operator wants after a host boot. */
  readonly wanted: 'running' | 'stopped'
  /** What it waits for since its last start was tried; undefined: nothing. */
  readonly taskState?: TaskState | undefined
  /** Why the status is ERROR. */
  readonly fault?: RecordedError | undefined
  /** After a host boot instances of a higher one come back first; 0 unless told. */
  readonly priority: number
  /** Kernel boot under which it was last known to run; undefined: never. Another one than now: the boot ended its run. */
  readonly bootId?: string | undefined
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly version: number
}

/** One row of an instance: which volume, which attachment, which target, and the facts recorded at each layer. */
export interface BlockDeviceMapping {
  readonly id: string
  readonly instanceId: string
  readonly volumeId: string
  /** `vda`, `vdb` … */
  readonly target: string
  /** 0: the instance boots from it. */
  readonly bootIndex?: number | undefined
  readonly deleteOnTermination: boolean
  readonly attachmentId?: string | undefined
  readonly connectionInfo?: ConnectionInfo | undefined
  readonly encryption?: EncryptionSpec | undefined
  /** Chosen at first use, then only ever read. */
  readonly mechanism?: EncryptionMechanism | undefined
  readonly luksUuid?: string | undefined
  /** The cloud whose volume service owns the volume, by its name in the configuration; undefined: the embedded one. */
  readonly cloud?: string | undefined
  /** Which verbs of the volume service it is attached by, decided when it was; undefined: `attachments`. */
  readonly generation?: 'attachments' | 'legacy' | undefined
  readonly version: number
}
