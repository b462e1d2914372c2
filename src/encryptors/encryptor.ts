import type { Change } from '#src/core/change.ts'
import type { DiskSource, EncryptionMechanism, GuestSource } from '#src/core/disk.ts'
import type { EncryptionSpec } from '#src/core/encryption.ts'
import type { Secret } from '#src/core/secret.ts'

/** One volume to decrypt. `source` is what the connector gave; `luksUuid` what is recorded for the volume. */
export interface UnlockRequest {
  readonly volumeId: string
  readonly source: DiskSource
  readonly encryption: EncryptionSpec | undefined
  /** Refused with `wrong-device` if the header has another. Undefined: first use, nothing recorded yet. */
  readonly luksUuid?: string | undefined
}

export interface Unlocked {
  readonly change: Change
  readonly view: GuestSource
}

/**
 * Layer 3: puts a decrypted view over a disk source. It gets the key's passphrase, never a key manager, and never
 * formats anything (I5). Codes: `wrong-key` (forbidden), `not-luks` (corrupt), `wrong-device` (unsafe), `busy` (busy),
 * `encryption-unsupported` (unsupported).
 */
export interface Encryptor {
  readonly mechanism: EncryptionMechanism
  /** Whether this mechanism wants a block device below it. */
  readonly needsBlock: boolean
  /**
   * Read-only: header there, UUID as recorded, passphrase opens a key slot. Activates nothing.
   * Works on the file below as well as on a block device, so that it can run before anything is connected.
   */
  check(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<void>
  /**
   * Idempotent: if the right mapping over the right device stands it is 'already'; a mapping of our name over another
   * device is stale: it is removed first if unused, else `busy`.
   */
  unlock(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<Unlocked>
  /** Removes the view, whatever it lies on; 'already' if there is none. `busy` names the holder. */
  lock(volumeId: string, signal?: AbortSignal): Promise<Change>
  /**
   * The view that stands now, verified from the host's own facts (I1): dm table `crypt`, our name, backing device
   * `source`, LUKS UUID as recorded; or the secret defined with a value. Undefined if there is none or it fails any of these.
   */
  probe(request: UnlockRequest, signal?: AbortSignal): Promise<GuestSource | undefined>
}
