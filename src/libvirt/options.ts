import type { Clock } from '#src/core/clock.ts'

/** For one call. */
export interface CallOptions {
  /** The call is given up after this, waiting for a connection included. The client's own default unless told. */
  readonly deadlineMs?: number | undefined
  /** The call is given up when it is aborted, with the signal's reason. libvirt may carry it out all the same. */
  readonly signal?: AbortSignal | undefined
}

export interface LibvirtOptions {
  /** Absolute path of the daemon's socket; `/run/libvirt/libvirt-sock` unless told. */
  readonly socketPath?: string
  /** Driver to open; `qemu:///system` unless told. */
  readonly uri?: string
  readonly clock?: Clock
  /** Of a call that names none; 60 s unless told. */
  readonly deadlineMs?: number
  /** For connecting, authentication, opening and registering events together; 20 s unless told. */
  readonly connectDeadlineMs?: number
  /** A silent peer is asked every `intervalMs`; after `count` questions without any sign of life it is dead. 5 s and 5. */
  readonly keepAlive?: { readonly intervalMs: number; readonly count: number }
  /**
   * Calls on the wire at once; further ones wait their turn. 4 unless told: libvirtd stops reading from a client that has
   * 5 calls in work (`max_client_requests`), keep-alive included.
   */
  readonly maxInFlight?: number
}
