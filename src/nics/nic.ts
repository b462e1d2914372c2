import type { Change } from '#src/core/change.ts'

/** A network interface of an instance on a Linux bridge. */
export interface NicSpec {
  readonly portId: string
  readonly bridge: string
  /** Host-side tap name, at most 15 characters; libvirt makes and removes it with the domain. */
  readonly tap: string
  readonly mac: string
}

/** Plugs an instance into the host's network. Both verbs are idempotent. Codes: `bridge-not-found` (not-found). */
export interface Nic {
  /** Read-only: the bridge is there. */
  check(nic: NicSpec, signal?: AbortSignal): Promise<void>
  plug(nic: NicSpec, signal?: AbortSignal): Promise<Change>
  /** Removes what a domain that died left behind: a tap of exactly this name. 'already' if there is none. */
  unplug(nic: NicSpec, signal?: AbortSignal): Promise<Change>
}
