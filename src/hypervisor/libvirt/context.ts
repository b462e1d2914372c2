import type { Host } from '#src/host/host.ts'
import type { Libvirt } from '#src/libvirt/index.ts'
import type { DomainEvents } from './domain-events.ts'

/** What every part of this room works with. */
export interface Context {
  readonly host: Host
  readonly libvirt: Libvirt
  readonly events: DomainEvents
  readonly domainType: 'kvm' | 'qemu'
  /** True if this file can be opened with O_DIRECT. */
  readonly directIo: (path: string, signal?: AbortSignal) => Promise<boolean>
  /** @throws HoldfastError `block-driver-missing` if QEMU cannot open RBD images */
  readonly checkRbdDriver: (signal?: AbortSignal) => Promise<void>
}
