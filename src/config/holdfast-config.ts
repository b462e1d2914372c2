import type { CloudConfig } from './cloud-config.ts'

/** Everything that can be configured, complete and checked. Read once at start; nothing else reads files or the environment. */
export interface HoldfastConfig extends CloudConfig {
  /** Absolute. Records, journal, locks, the embedded pool and the console logs lie below it. */
  readonly stateDirectory: string
  /** Name of this host as volume services and attachments know it. */
  readonly hostName: string
  readonly availabilityZone: string
  /** May an instance have volumes of another availability zone? */
  readonly crossZoneAttach: boolean
  /** Absolute path of libvirt's socket. */
  readonly libvirtSocket: string
  /** Absolute path of the master key that seals the embedded key store. */
  readonly keyFile: string
  /** −1: no limit. Named as in the Block Storage API. */
  readonly quotas: { readonly volumes: number; readonly gigabytes: number; readonly snapshots: number }
  /** May the sizes of all volumes add up to more than the pool's file system holds? Volumes are sparse files. */
  readonly overcommit: boolean
  readonly encryption: {
    /** Which mechanism a volume gets at its first use where both could serve it. */
    readonly prefer: 'dm-crypt' | 'native'
  }
  /** `auto`: KVM where a try shows that it works, else emulation. */
  readonly domainType: 'auto' | 'kvm' | 'qemu'
  /** How much of the history is kept. */
  readonly history: { readonly keepDays: number; readonly keepOperations: number }
  /** How much may go on at once. */
  readonly bounds: {
    readonly volumes: number
    readonly instances: number
    readonly processors: number
    readonly keyDerivationMemoryMib: number
    readonly io: number
  }
  /** Seconds. */
  readonly deadlines: {
    readonly shutdown: number
    readonly boot: number
    readonly softReboot: number
    readonly detach: number
    readonly commands: number
    readonly services: number
    readonly resume: number
    readonly attachments: number
  }
  /** The file that was read, if one was. */
  readonly file?: string | undefined
}
