import type { CallOptions } from './options.ts'
import type { Args, ProcedureName, Result } from './protocol.ts'
import type { Domain, SecretRef } from './types.ts'

/** What the API parts stand on. */
export interface Caller {
  call<N extends ProcedureName>(procedure: N, args: Args<N>, options?: CallOptions): Promise<Result<N>>
}

/** What `connect.getDomainCapabilities` asks about; libvirt chooses what is left out. */
export interface DomainCapabilitiesQuery {
  readonly emulatorbin?: string | undefined
  readonly arch?: string | undefined
  readonly machine?: string | undefined
  readonly virttype?: string | undefined
}

/** `virConnect…` */
export class ConnectApi {
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** Of the hypervisor: major * 1,000,000 + minor * 1,000 + release. */
  async getVersion(options?: CallOptions): Promise<number> {
    return (await this.#caller.call('connectGetVersion', undefined, options)).hvVer
  }

  /** Of the daemon's libvirt, in the same form. */
  async getLibVersion(options?: CallOptions): Promise<number> {
    return (await this.#caller.call('connectGetLibVersion', undefined, options)).libVer
  }

  /** `QEMU` */
  async getType(options?: CallOptions): Promise<string> {
    return (await this.#caller.call('connectGetType', undefined, options)).type
  }

  async getHostname(options?: CallOptions): Promise<string> {
    return (await this.#caller.call('connectGetHostname', undefined, options)).hostname
  }

  async getURI(options?: CallOptions): Promise<string> {
    return (await this.#caller.call('connectGetURI', undefined, options)).uri
  }

  /** XML. May take seconds: libvirt asks every emulator the first time. */
  async getCapabilities(options?: CallOptions): Promise<string> {
    return (await this.#caller.call('connectGetCapabilities', undefined, options)).capabilities
  }

  /** XML. */
  async getDomainCapabilities(query: DomainCapabilitiesQuery = {}, options?: CallOptions): Promise<string> {
    const { emulatorbin, arch, machine, virttype } = query
    const args = { emulatorbin, arch, machine, virttype, flags: 0 }
    return (await this.#caller.call('connectGetDomainCapabilities', args, options)).capabilities
  }

  /** Flags of `ListDomains`; 0 is all. */
  async listAllDomains(flags = 0, options?: CallOptions): Promise<readonly Domain[]> {
    return (await this.#caller.call('connectListAllDomains', { needResults: true, flags }, options)).domains
  }

  /** Flags of `ListSecrets`; 0 is all. */
  async listAllSecrets(flags = 0, options?: CallOptions): Promise<readonly SecretRef[]> {
    return (await this.#caller.call('connectListAllSecrets', { needResults: true, flags }, options)).secrets
  }
}

/** `virNode…` */
export class NodeApi {
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** `memory` is KiB, `mhz` 0 if unknown. */
  async getInfo(options?: CallOptions): Promise<Result<'nodeGetInfo'>> {
    return await this.#caller.call('nodeGetInfo', undefined, options)
  }
}
