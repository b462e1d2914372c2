import type { Caller } from './api-connect.ts'
import { BlockCopyParameter } from './constants.ts'
import type { CallOptions } from './options.ts'
import type { Result } from './protocol.ts'
import type { Domain, TypedParameter } from './types.ts'

/** `state` of `DomainState`; the meaning of `reason` depends on it (`DomainShutoffReason` …). */
export type DomainStateAndReason = Result<'domainGetState'>

/** Bytes: what the source takes on the host, what the guest sees, and the size of the container. */
export type DomainBlockInfo = Result<'domainGetBlockInfo'>

/** `type` of `DomainBlockJobType`; `cur` and `end` tell the progress and are equal when it is through. */
export interface DomainBlockJob {
  readonly type: number
  readonly bandwidth: bigint
  readonly cur: bigint
  readonly end: bigint
}

export interface BlockCopyOptions {
  /** Bytes per second; no limit unless told. */
  readonly bandwidth?: bigint | undefined
  /** Bytes, a power of two. */
  readonly granularity?: number | undefined
  /** Bytes. */
  readonly bufSize?: bigint | undefined
}

/** `virDomain…`. Each takes the domain as a look-up gave it; `NO_DOMAIN` if it is gone. */
export class DomainApi {
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.#caller = caller
  }

  async lookupByName(name: string, options?: CallOptions): Promise<Domain> {
    return (await this.#caller.call('domainLookupByName', { name }, options)).dom
  }

  async lookupByUUID(uuid: string, options?: CallOptions): Promise<Domain> {
    return (await this.#caller.call('domainLookupByUUID', { uuid }, options)).dom
  }

  /** Makes or replaces the persistent configuration. Flags of `DomainDefine`. */
  async defineXMLFlags(xml: string, flags = 0, options?: CallOptions): Promise<Domain> {
    return (await this.#caller.call('domainDefineXMLFlags', { xml, flags }, options)).dom
  }

  /** Starts a transient domain, or a persistent one with another configuration. Flags of `DomainStart`. */
  async createXML(xml: string, flags = 0, options?: CallOptions): Promise<Domain> {
    return (await this.#caller.call('domainCreateXML', { xml, flags }, options)).dom
  }

  /** Starts a defined domain; the answer has the id of the run. Flags of `DomainStart`. */
  async createWithFlags(dom: Domain, flags = 0, options?: CallOptions): Promise<Domain> {
    return (await this.#caller.call('domainCreateWithFlags', { dom, flags }, options)).dom
  }

  /** Ends the run. Flags of `DomainDestroy`. `OPERATION_INVALID` if it is off. */
  async destroyFlags(dom: Domain, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainDestroyFlags', { dom, flags }, options)
  }

  /** Asks the guest to power off and does not wait. Flags of `DomainShutdown`. */
  async shutdownFlags(dom: Domain, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainShutdownFlags', { dom, flags }, options)
  }

  /** Asks the guest to reboot and does not wait. Flags of `DomainReboot`. */
  async reboot(dom: Domain, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainReboot', { dom, flags }, options)
  }

  /** Presses the reset button. */
  async reset(dom: Domain, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainReset', { dom, flags: 0 }, options)
  }

  async suspend(dom: Domain, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainSuspend', { dom }, options)
  }

  async resume(dom: Domain, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainResume', { dom }, options)
  }

  /** Removes the persistent configuration. Flags of `DomainUndefine`. */
  async undefineFlags(dom: Domain, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainUndefineFlags', { dom, flags }, options)
  }

  async getState(dom: Domain, options?: CallOptions): Promise<DomainStateAndReason> {
    return await this.#caller.call('domainGetState', { dom, flags: 0 }, options)
  }

  async isActive(dom: Domain, options?: CallOptions): Promise<boolean> {
    return (await this.#caller.call('domainIsActive', { dom }, options)).active
  }

  async isPersistent(dom: Domain, options?: CallOptions): Promise<boolean> {
    return (await this.#caller.call('domainIsPersistent', { dom }, options)).persistent
  }

  /** Flags of `DomainXML`: the running configuration unless INACTIVE. */
  async getXMLDesc(dom: Domain, flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#caller.call('domainGetXMLDesc', { dom, flags }, options)).xml
  }

  async hasManagedSaveImage(dom: Domain, options?: CallOptions): Promise<boolean> {
    return (await this.#caller.call('domainHasManagedSaveImage', { dom, flags: 0 }, options)).result
  }

  async managedSaveRemove(dom: Domain, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainManagedSaveRemove', { dom, flags: 0 }, options)
  }

  /** Flags of `DomainAffect`. */
  async attachDeviceFlags(dom: Domain, xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainAttachDeviceFlags', { dom, xml, flags }, options)
  }

  /**
   * Takes the device away. From a running guest it only asks: the `deviceRemoved` event says that it is gone,
   * `deviceRemovalFailed` that the guest keeps it. Flags of `DomainAffect`. `DEVICE_MISSING` if it is not there.
   */
  async detachDeviceFlags(dom: Domain, xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainDetachDeviceFlags', { dom, xml, flags }, options)
  }

  /** As `detachDeviceFlags`, by the device's alias; not for live and config at once. */
  async detachDeviceAlias(dom: Domain, alias: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainDetachDeviceAlias', { dom, alias, flags }, options)
  }

  /** Flags of `DomainAffect` and `DEVICE_MODIFY_FORCE`. */
  async updateDeviceFlags(dom: Domain, xml: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainUpdateDeviceFlags', { dom, xml, flags }, options)
  }

  /** `disk` is the target or the source path. `size` is KiB unless the flag `DomainBlockResize.BYTES` is given. */
  async blockResize(dom: Domain, disk: string, size: number, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainBlockResize', { dom, disk, size, flags }, options)
  }

  async getBlockInfo(dom: Domain, path: string, options?: CallOptions): Promise<DomainBlockInfo> {
    return await this.#caller.call('domainGetBlockInfo', { dom, path, flags: 0 }, options)
  }

  /** Begins to copy a disk to the `<disk>` of this XML and does not wait (`blockJob2`). Flags of `DomainBlockCopy`. */
  async blockCopy(
    dom: Domain,
    path: string,
    destxml: string,
    copy: BlockCopyOptions = {},
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const params = blockCopyParameters(copy)
    await this.#caller.call('domainBlockCopy', { dom, path, destxml, params, flags }, options)
  }

  /** Undefined if no job runs on this disk. Flags of `DomainBlockJobInfo`. */
  async getBlockJobInfo(
    dom: Domain,
    path: string,
    flags = 0,
    options?: CallOptions,
  ): Promise<DomainBlockJob | undefined> {
    const { found, ...job } = await this.#caller.call('domainGetBlockJobInfo', { dom, path, flags }, options)
    return found ? job : undefined
  }

  /** Ends the job, or pivots to the copy. Flags of `DomainBlockJobAbort`. `BLOCK_COPY_ACTIVE`: not ready to pivot. */
  async blockJobAbort(dom: Domain, path: string, flags = 0, options?: CallOptions): Promise<void> {
    await this.#caller.call('domainBlockJobAbort', { dom, path, flags }, options)
  }

  /**
   * Sets (`metadata`) or removes (undefined) one piece of `DomainMetadata`. ELEMENT takes XML, a prefix (`key`) and its
   * name space (`uri`). Flags of `DomainAffect`.
   */
  async setMetadata(
    dom: Domain,
    type: number,
    metadata: string | undefined,
    element: { readonly key?: string | undefined; readonly uri?: string | undefined } = {},
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { dom, type, metadata, key: element.key, uri: element.uri, flags }
    await this.#caller.call('domainSetMetadata', args, options)
  }

  /** `NO_DOMAIN_METADATA` if there is none. Flags of `DomainAffect`. */
  async getMetadata(
    dom: Domain,
    type: number,
    uri: string | undefined,
    flags = 0,
    options?: CallOptions,
  ): Promise<string> {
    return (await this.#caller.call('domainGetMetadata', { dom, type, uri, flags }, options)).metadata
  }
}

function blockCopyParameters(copy: BlockCopyOptions): TypedParameter[] {
  const params: TypedParameter[] = []
  if (copy.bandwidth !== undefined) {
    params.push({ field: BlockCopyParameter.BANDWIDTH, value: { type: 'ullong', value: copy.bandwidth } })
  }
  if (copy.granularity !== undefined) {
    params.push({ field: BlockCopyParameter.GRANULARITY, value: { type: 'uint', value: copy.granularity } })
  }
  if (copy.bufSize !== undefined) {
    params.push({ field: BlockCopyParameter.BUF_SIZE, value: { type: 'ullong', value: copy.bufSize } })
  }
  return params
}
