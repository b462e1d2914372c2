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

/** The volume to close; `luksUuid` as recorded, undefined if nothing is. */
export type LockRequest = Pick<UnlockRequest, 'volumeId' | 'luksUuid'>

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
   * Read-only: header there, UUID as recorded, passphrase opens a key slot, nothing foreign has the view's name.
   * Activates nothing.
   * Works on the file below as well as on a block device, so that it can run before anything is connected.
   */
  check(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<void>
  /**
   * Idempotent: if the right mapping over the right device stands it is 'already'. A mapping of our name and LUKS UUID
   * over another device is stale: it is removed first if unused, else `busy`. Anything else of that name is foreign:
   * `wrong-device`, and left as it is.
   */
  unlock(request: UnlockRequest, passphrase: Secret, signal?: AbortSignal): Promise<Unlocked>
  /**
   * Removes the view, on whatever device it lies; 'already' if there is none. `busy` names the holder; a foreign view of
   * our name is `wrong-device`, and left as it is.
   */
  lock(volume: LockRequest, signal?: AbortSignal): Promise<Change>
  /**
   * The view that stands now, verified from the host's own facts (I1): dm table `crypt`, our name, backing device
   * `source`, LUKS UUID as recorded; or the secret defined with a value. Undefined if there is none or it fails any of these.
   */
  probe(request: UnlockRequest, signal?: AbortSignal): Promise<GuestSource | undefined>
}
