import type { Connector } from '#src/connectors/connector.ts'
import type { Clock } from '#src/core/clock.ts'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type { EncryptionMechanism } from '#src/core/disk.ts'
import type { Random } from '#src/core/random.ts'
import type { Encryptor } from '#src/encryptors/encryptor.ts'
import type { Hypervisor } from '#src/hypervisor/hypervisor.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import type { Nic } from '#src/nics/nic.ts'
import type { Store } from '#src/store/store.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import type { HostBounds } from './bounds.ts'

/** How long each kind of wait may take, milliseconds. */
export interface Deadlines {
  /** A guest that was asked to power off. */
  readonly shutdown: number
  /** A guest that was asked to reboot. */
  readonly softReboot: number
  /** A domain that was started, until it runs. */
  readonly boot: number
  /** A guest that was asked to let go of a disk. */
  readonly detach: number
  /** Any other single step. */
  readonly step: number
  /** One answer of the key manager or the volume service on the way up. */
  readonly service: number
}

export interface EngineSettings {
  readonly hostName: string
  readonly availabilityZone: string
  readonly crossZoneAttach: boolean
  readonly preferredMechanism: 'dm-crypt' | 'native'
  /** Volumes of one instance that are walked side by side. */
  readonly volumeBound: number
  readonly deadlines: Deadlines
  /** Absolute folder for `<instance id>/console.log`. */
  readonly instancesDirectory: string
  /** This boot of the kernel, `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string
}

/** All that the engine works with: ports, and nothing of their implementations. */
export interface Parts {
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly volumes: VolumeService
  readonly keys: KeyManager
  readonly connectors: ReadonlyMap<ConnectionInfo['driver_volume_type'], Connector>
  readonly encryptors: Readonly<Record<EncryptionMechanism, Encryptor>>
  readonly hypervisor: Hypervisor
  readonly nic: Nic
  /** What this host can decrypt with. */
  readonly mechanisms: () => Promise<{ readonly dmCrypt: boolean; readonly native: boolean }>
  /** Shared by all operations of the process. */
  readonly bounds: HostBounds
  readonly settings: EngineSettings
}
