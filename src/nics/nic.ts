import type { Change } from '#src/core/change.ts'

/** A network interface of an instance on a Linux bridge. */
export interface NicSpec {
  readonly portId: string
  readonly bridge: string
  /** Host-side tap name, at most 15 characters; libvirt makes and removes it with the domain. */
  readonly tap: string
  readonly mac: string
}

/** A tap as it is found on the host, ours or not. */
export interface TapFacts {
  readonly name: string
  /** The bridge that it is on, if it is on one. */
  readonly bridge?: string | undefined
}

/** Plugs an instance into the host's network. Both verbs are idempotent. Codes: `bridge-not-found` (not-found). */
export interface Nic {
  /** Read-only: the bridge is there. */
  check(nic: NicSpec, signal?: AbortSignal): Promise<void>
  plug(nic: NicSpec, signal?: AbortSignal): Promise<Change>
  /** Removes what a domain that died left behind: a tap of exactly this name. 'already' if there is none. */
  unplug(nic: NicSpec, signal?: AbortSignal): Promise<Change>
  /** Every tap on the host, by whomever it was made, sorted by name. Read-only. */
  list(signal?: AbortSignal): Promise<readonly TapFacts[]>
}
