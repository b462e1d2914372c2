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

/** What deriving a key from a passphrase takes, as the header has it. */
export interface DerivationCost {
  /** Memory that the derivation of one key slot needs, bytes; the most of all slots. 0: not worth counting. */
  readonly memoryBytes: number
  /** Threads that it may keep busy; at least 1. */
  readonly threads: number
}

/** A decrypted view as it is found on the host, ours or not. */
export interface ViewFacts {
  /** Of the mapping, or the libvirt secret's UUID. */
  readonly name: string
  /** By our naming rule; undefined: not a view of ours. Whether such a volume is recorded is not known here. */
  readonly volumeId?: string | undefined
  /** Where the view has a path of its own: `/dev/mapper/…`. */
  readonly path?: string | undefined
  readonly luksUuid?: string | undefined
  /** What lies below a mapping, `/dev/loop3` or `<major>:<minor>`; undefined for a secret. */
  readonly over?: string | undefined
  /** Who keeps it busy, in words: `process 12 (qemu-system-x86)`, `a mount at /mnt`, `mapping data-lv`. */
  readonly holders: readonly string[]
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
  /** What `check` and `unlock` of this volume will take, from its header alone: nothing is derived. Errors as `check`. */
  cost(request: UnlockRequest, signal?: AbortSignal): Promise<DerivationCost>
  /** Every view of this kind that stands on the host, by whomever it was made, sorted by name. Read-only. */
  list(signal?: AbortSignal): Promise<readonly ViewFacts[]>
}
