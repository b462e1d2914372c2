/** A secret that a hypervisor decrypts a volume with. */
export interface VolumeSecret {
  readonly uuid: string
  /** Whether it has a value; the value itself cannot be asked for. */
  readonly hasValue: boolean
}

/**
 * Secrets of the hypervisor with the usage type `volume`. They live in its memory only and are gone when it or the host
 * starts anew.
 */
export interface VolumeSecrets {
  /**
   * Makes the secret without a value, or leaves the one of this UUID and usage as it is.
   * @throws HoldfastError `secret-foreign` (conflict): the UUID or the usage is taken by another secret
   */
  define(secret: { uuid: string; usage: string; description: string }, signal?: AbortSignal): Promise<void>
  /** Gives it a value, also in place of another. The bytes are not kept by us. */
  setValue(uuid: string, value: Uint8Array, signal?: AbortSignal): Promise<void>
  lookupByUsage(usage: string, signal?: AbortSignal): Promise<VolumeSecret | undefined>
  /** All of this usage type, by whomever they were made, sorted by UUID. */
  list(signal?: AbortSignal): Promise<readonly { uuid: string; usage: string; description: string }[]>
  /** False if there was none. */
  undefine(uuid: string, signal?: AbortSignal): Promise<boolean>
}
