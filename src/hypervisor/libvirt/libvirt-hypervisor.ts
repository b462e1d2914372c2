import type { Change } from '#src/core/change.ts'
import type { Host } from '#src/host/host.ts'
import type {
  DomainDisk,
  DomainFacts,
  DomainSpec,
  Hypervisor,
  HypervisorAbilities,
  WaitOptions,
} from '#src/hypervisor/hypervisor.ts'
import type { Libvirt } from '#src/libvirt/index.ts'
import type { Context } from './context.ts'
import { check, define, undefine } from './definition.ts'
import { DirectIo } from './direct-io.ts'
import { present, resize, withdraw } from './disks.ts'
import { DomainEvents } from './domain-events.ts'
import { translated } from './errors.ts'
import { factsOf, look, lookAtAll } from './look.ts'
import { findEmulator, versionText } from './machine.ts'
import { destroy, reboot, shutdown, start, waitRunning } from './power.ts'
import { RbdDriver } from './rbd-driver.ts'

export interface LibvirtHypervisorOptions {
  readonly host: Host
  /** Shared with whoever else talks to this libvirt; closed by its owner. */
  readonly libvirt: Libvirt
  /** What guests are run with; `kvm` only where a try showed that it works. */
  readonly domainType: 'kvm' | 'qemu'
}

/**
 * The hypervisor port over libvirt and QEMU. libvirt is the authority: nothing is remembered between calls but what
 * cannot change. Behaviour follows Nova's libvirt driver where it is right (`nova/virt/libvirt/driver.py`: `_destroy`,
 * `_detach_with_retry`, `_undefine_domain`), with every wait bounded.
 */
export class LibvirtHypervisor implements Hypervisor {
  readonly #context: Context

  constructor({ host, libvirt, domainType }: LibvirtHypervisorOptions) {
    const direct = new DirectIo(host)
    const rbd = new RbdDriver(host)
    this.#context = {
      host,
      libvirt,
      domainType,
      events: new DomainEvents(libvirt),
      directIo: (path, signal) => direct.works(path, signal),
      checkRbdDriver: signal => rbd.check(signal),
    }
  }

  async abilities(signal?: AbortSignal): Promise<HypervisorAbilities> {
    const { libvirt, domainType } = this.#context
    return await translated('asking libvirt what it can', {}, async () => {
      const emulator = await findEmulator(libvirt, domainType, signal)
      const libvirtVersion = versionText(await libvirt.connect.getLibVersion({ signal }))
      const hypervisorVersion = versionText(await libvirt.connect.getVersion({ signal }))
      return {
        hypervisor: await libvirt.connect.getType({ signal }),
        libvirtVersion,
        hypervisorVersion,
        domainType,
        emulator,
      }
    })
  }

  async observe(id: string, signal?: AbortSignal): Promise<DomainFacts | undefined> {
    return await translated(`looking at domain ${id}`, { instance: id, layer: 'presentation' }, async () => {
      const found = await look(this.#context.libvirt, id, signal)
      return found && factsOf(found)
    })
  }

  async list(signal?: AbortSignal): Promise<readonly DomainFacts[]> {
    return await translated('listing domains', {}, async () =>
      (await lookAtAll(this.#context.libvirt, signal)).map(found => factsOf(found)),
    )
  }

  check(spec: DomainSpec, signal?: AbortSignal): Promise<void> {
    return check(this.#context, spec, signal)
  }

  define(spec: DomainSpec, signal?: AbortSignal): Promise<Change> {
    return define(this.#context, spec, signal)
  }

  start(id: string, signal?: AbortSignal): Promise<Change> {
    return start(this.#context, id, signal)
  }

  waitRunning(id: string, wait: WaitOptions): Promise<void> {
    return waitRunning(this.#context, id, wait)
  }

  shutdown(id: string, wait: WaitOptions): Promise<Change> {
    return shutdown(this.#context, id, wait)
  }

  reboot(id: string, wait: WaitOptions): Promise<void> {
    return reboot(this.#context, id, wait)
  }

  destroy(id: string, wait: WaitOptions): Promise<Change> {
    return destroy(this.#context, id, wait)
  }

  undefine(id: string, options: { readonly forget: boolean }, signal?: AbortSignal): Promise<Change> {
    return undefine(this.#context, id, options, signal)
  }

  present(id: string, disk: DomainDisk, wait: WaitOptions): Promise<Change> {
    return present(this.#context, id, disk, wait)
  }

  withdraw(id: string, volumeId: string, wait: WaitOptions): Promise<Change> {
    return withdraw(this.#context, id, volumeId, wait)
  }

  resize(id: string, volumeId: string, bytes: number, signal?: AbortSignal): Promise<void> {
    return resize(this.#context, id, volumeId, bytes, signal)
  }
}
