import type { Caller } from './api-connect.ts'
import type { CallOptions } from './options.ts'
import type { SecretRef } from './types.ts'

/** `virSecret…` */
export class SecretApi {
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** Makes the secret or, with the same UUID and usage, changes it. */
  async defineXML(xml: string, options?: CallOptions): Promise<SecretRef> {
    return (await this.#caller.call('secretDefineXML', { xml, flags: 0 }, options)).secret
  }

  /** `NO_SECRET` if there is none. */
  async lookupByUUID(uuid: string, options?: CallOptions): Promise<SecretRef> {
    return (await this.#caller.call('secretLookupByUUID', { uuid }, options)).secret
  }

  /** Usage types of `SecretUsage`. `NO_SECRET` if there is none. */
  async lookupByUsage(usageType: number, usageID: string, options?: CallOptions): Promise<SecretRef> {
    return (await this.#caller.call('secretLookupByUsage', { usageType, usageID }, options)).secret
  }

  async getXMLDesc(secret: SecretRef, options?: CallOptions): Promise<string> {
    return (await this.#caller.call('secretGetXMLDesc', { secret, flags: 0 }, options)).xml
  }

  /**
   * Sets the value, at most 65,536 bytes. The bytes stay the caller's: they are copied only into the outgoing packet,
   * which is wiped when it has left. Do not wipe them before this settles.
   */
  async setValue(secret: SecretRef, value: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#caller.call('secretSetValue', { secret, value, flags: 0 }, options)
  }

  /**
   * The value, which is the caller's to wipe. `INVALID_SECRET` for a private secret, `NO_SECRET` for one without a value.
   */
  async getValue(secret: SecretRef, options?: CallOptions): Promise<Uint8Array> {
    return (await this.#caller.call('secretGetValue', { secret, flags: 0 }, options)).value
  }

  async undefine(secret: SecretRef, options?: CallOptions): Promise<void> {
    await this.#caller.call('secretUndefine', { secret }, options)
  }
}
