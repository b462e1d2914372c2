import type { Change } from '#src/core/change.ts'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type { DiskSource } from '#src/core/disk.ts'

export interface Connected {
  readonly change: Change
  readonly source: DiskSource
}

/** A connected device as it is found on the host, ours or not. */
export interface SourceFacts {
  /** `/dev/loop3` */
  readonly path: string
  /** By our naming rule, if what lies below is in our pool; undefined: not ours. Whether it is recorded is not known here. */
  readonly volumeId?: string | undefined
  /** What lies below: a file's path as the kernel has it, with ` (deleted)` if it is gone. */
  readonly over: string
  /** Who keeps it busy, in words: `mapping crypt-…`, `a mount at /mnt`. */
  readonly holders: readonly string[]
}

/**
 * Layer 2: turns connection info into a disk source on this host, and back (os-brick `initiator/connectors`).
 * A device is handed out only when its identity is the volume's own (I2): code `wrong-device` (unsafe) otherwise,
 * `storage-absent` (unavailable) if nothing is there. Neither touches what was found.
 */
export interface Connector<Info extends ConnectionInfo = ConnectionInfo> {
  /** The `driver_volume_type` that it serves. */
  readonly protocol: Info['driver_volume_type']
  /**
   * Read-only: would `connect` succeed? Changes nothing on the host; gives what lies below: the file or device itself,
   * for an encryptor's `check`.
   * @throws HoldfastError as `connect` would
   */
  check(info: Info, signal?: AbortSignal): Promise<DiskSource>
  /**
   * Makes the volume reachable and proves that it is the right one. Idempotent: a second call gives the same source.
   * With `asBlock` the source is a block device (a loop device over a pool file), for dm-crypt.
   */
  connect(info: Info, options: { asBlock: boolean }, signal?: AbortSignal): Promise<Connected>
  /**
   * Takes away all that `connect` made for this volume, also when half of it is gone already ('already' if all is).
   * Works from the connection info alone, so it cleans up after a process that died. Never touches a device of
   * another volume. `busy` (busy), naming the holder, if something still uses it.
   */
  disconnect(info: Info, signal?: AbortSignal): Promise<Change>
  /** What stands now, from the host's own facts; undefined if not connected. Changes nothing. */
  probe(info: Info, options: { asBlock: boolean }, signal?: AbortSignal): Promise<DiskSource | undefined>
  /** Every device of this kind that stands on the host, by whomever it was made, sorted by path. Read-only. */
  list(signal?: AbortSignal): Promise<readonly SourceFacts[]>
  /**
   * Takes away a device of ours as `list` told it, for which there is no connection info any more. 'already' if it is gone or
   * is another's by now; `busy` (busy), naming the holder.
   * @throws HoldfastError `wrong-device` (unsafe) for a device that is not ours
   */
  remove(device: SourceFacts, signal?: AbortSignal): Promise<Change>
}
