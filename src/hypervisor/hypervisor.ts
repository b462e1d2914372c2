import type { Change } from '#src/core/change.ts'
import type { GuestSource } from '#src/core/disk.ts'

/** One disk of a domain as we want it. */
export interface DomainDisk {
  readonly volumeId: string
  /** Guest device name, `vda` … (virtio). */
  readonly target: string
  readonly source: GuestSource
  readonly readonly: boolean
  readonly shareable: boolean
  readonly discard: boolean
  /** 1 is first; undefined: not booted from. */
  readonly bootOrder?: number | undefined
}

export interface DomainInterface {
  readonly portId: string
  readonly mac: string
  readonly bridge: string
  /** Host-side tap name, at most 15 characters. */
  readonly tap: string
}

/** A domain as we want it; libvirt's XML is made from this and from nothing else. */
export interface DomainSpec {
  /** Instance id, the domain's UUID. */
  readonly id: string
  readonly name: string
  readonly memoryMib: number
  readonly cpus: number
  /** Direct kernel boot; undefined: from the first disk. */
  readonly kernel?: {
    readonly image: string
    readonly initrd?: string | undefined
    readonly append?: string | undefined
  }
  readonly disks: readonly DomainDisk[]
  readonly interfaces: readonly DomainInterface[]
  /** Where what the guest writes to its serial console is kept. */
  readonly consoleLog: string
}

export type DomainState = 'running' | 'paused' | 'suspended' | 'shutting-down' | 'shutoff' | 'crashed'

/** A disk as it is found in a domain, ours or not. */
export interface DiskFacts {
  readonly target: string
  /** From our alias (`ua-<volume id>`) or the serial; undefined for a disk that is not ours. */
  readonly volumeId?: string | undefined
  readonly kind: 'block' | 'file' | 'network' | 'other'
  /** Of a network disk `<protocol>:<name>`. */
  readonly path?: string | undefined
  /** That QEMU decrypts with. */
  readonly secretUuid?: string | undefined
  /** That QEMU logs in with, for a network disk. */
  readonly authSecretUuid?: string | undefined
}

/** A domain as it is found. */
export interface DomainFacts {
  readonly id: string
  readonly name: string
  readonly state: DomainState
  readonly persistent: boolean
  /** libvirt's id of this run; another run has another. Undefined while off. */
  readonly runtimeId?: number | undefined
  /** True if Holdfast made it (its own metadata element is in the XML). */
  readonly ours: boolean
  /** Of the running configuration; empty while off. */
  readonly liveDisks: readonly DiskFacts[]
  /** Of the configuration of the next start; empty for a transient domain. */
  readonly persistentDisks: readonly DiskFacts[]
}

export interface HypervisorAbilities {
  readonly hypervisor: string
  readonly libvirtVersion: string
  readonly hypervisorVersion: string
  /** What a guest will be run with: `kvm` only if a try showed that it works. */
  readonly domainType: 'kvm' | 'qemu'
  readonly emulator: string
}

export interface WaitOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Layer 4 and the domain itself. All verbs are idempotent. Codes: `hypervisor-unavailable` (unavailable),
 * `domain-not-found` (not-found), `domain-foreign` (conflict: same name or UUID, not made by us), `domain-not-running`
 * (wrong-state), `domain-restarted` (busy: somebody starts it again and again), `disk-conflict` (conflict: the target or the
 * volume is in the domain already, from elsewhere), `disk-not-found` (not-found), `device-detach-failed` (busy), `timeout`,
 * `corrupt` (libvirt's XML is no domain), `invalid-text`, `invalid-domain` (invalid-input: a value that may not go into XML),
 * `hypervisor-error` (host-command; libvirt's own code in the message).
 *
 * A wait goes on while libvirt is away: `hypervisor-unavailable` only if it still is at the deadline.
 */
export interface Hypervisor {
  abilities(signal?: AbortSignal): Promise<HypervisorAbilities>
  observe(id: string, signal?: AbortSignal): Promise<DomainFacts | undefined>
  list(signal?: AbortSignal): Promise<readonly DomainFacts[]>
  /**
   * Read-only preflight of `define` and `start`: libvirt answers, emulator, kernel, initrd, disks and bridges are there (of
   * network disks QEMU's driver; the image is the connector's to check), QEMU's user may pass every folder above them, no foreign domain has the name. Tells all that is wrong.
   * Codes beside the others: `emulator-missing`, `block-driver-missing` (unsupported), `file-not-found`, `bridge-not-found` (not-found),
   * `unreachable-path` (forbidden).
   */
  check(spec: DomainSpec, signal?: AbortSignal): Promise<void>
  /** Makes the persistent configuration exactly this, replacing our own earlier one. Refuses `domain-foreign`. */
  define(spec: DomainSpec, signal?: AbortSignal): Promise<Change>
  /** Boots from the persistent configuration, never from a managed save; 'already' if it runs or is paused. */
  start(id: string, signal?: AbortSignal): Promise<Change>
  /** Resolves once the domain is (still) running; `domain-not-running` at once if it is off. */
  waitRunning(id: string, wait: WaitOptions): Promise<void>
  /** Asks the guest (ACPI) to power off and waits until it is off; 'already' if it was or is not there. `timeout` if it does not. */
  shutdown(id: string, wait: WaitOptions): Promise<Change>
  /**
   * Asks the guest to reboot and waits until it did (reboot event or a new run); `timeout` if it does not,
   * `domain-not-running` if it is off, or goes off instead.
   */
  reboot(id: string, wait: WaitOptions): Promise<void>
  /** Pulls the plug and waits until nothing runs; no such domain is 'already'. A run begun meanwhile is ended too. */
  destroy(id: string, wait: WaitOptions): Promise<Change>
  /** Removes the configuration and a managed save; keeps NVRAM and TPM state unless `forget`. No such domain is 'already'. */
  undefine(id: string, options: { forget: boolean }, signal?: AbortSignal): Promise<Change>
  /**
   * Adds the disk to the persistent configuration and, where it runs, to the guest: to both or, if the guest cannot have
   * it, to neither. The disk gets its place in the boot order at the next `define`.
   */
  present(id: string, disk: DomainDisk, wait: WaitOptions): Promise<Change>
  /**
   * Takes the disk of this volume from the guest, where it runs (asked, and asked again only if it says nothing for long), and then
   * from the persistent configuration. `device-detach-failed` if the guest keeps it: both are then as before. Absent from
   * both is 'already', absent from one is no obstacle.
   */
  withdraw(id: string, volumeId: string, wait: WaitOptions): Promise<Change>
  /** Tells the running guest the new size of its disk, bytes; one that is off learns it at its start. */
  resize(id: string, volumeId: string, bytes: number, signal?: AbortSignal): Promise<void>
}
