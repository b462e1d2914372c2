import type { Connector } from '#src/connectors/connector.ts'
import type { Clock } from '#src/core/clock.ts'
import type { ConnectionInfo, ConnectorProperties } from '#src/core/connection-info.ts'
import type { EncryptionMechanism } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
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

/** Who owns volumes, and who keeps their keys. */
export interface VolumeServices {
  readonly volumes: VolumeService
  readonly keys: KeyManager
}

export interface EngineSettings {
  readonly hostName: string
  /** What volume services are told of this host beside its name. */
  readonly connector: Omit<ConnectorProperties, 'host' | 'mountpoint'>
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
  /** The embedded volume service and key manager. */
  readonly volumes: VolumeService
  readonly keys: KeyManager
  /** Those of a cloud, by the name that mappings record. Undefined: this process knows no cloud. */
  readonly clouds?: ((cloud: string) => VolumeServices) | undefined
  /** The cloud of volumes that new requests name; undefined: the embedded volume service. */
  readonly cloud?: string | undefined
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

/** @throws HoldfastError `cloud-unknown` (unavailable) where this process was not told of that cloud */
export function servicesOf(
  parts: Pick<Parts, 'volumes' | 'keys' | 'clouds'>,
  cloud: string | undefined,
): VolumeServices {
  if (cloud === undefined) return parts
  if (parts.clouds) return parts.clouds(cloud)
  throw new HoldfastError('unavailable', 'cloud-unknown', `nothing is configured for cloud '${cloud}'`)
}
