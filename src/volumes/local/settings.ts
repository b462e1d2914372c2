import type { Change } from '#src/core/change.ts'
import type { Secret } from '#src/core/secret.ts'
import type { Host } from '#src/host/host.ts'
import type { QuotaSettings } from './catalog.ts'

/** What the service needs of a key manager. */
export interface VolumeKeys {
  create(spec: { algorithm: 'aes'; bitLength: 256; name?: string }, signal?: AbortSignal): Promise<string>
  get(id: string, signal?: AbortSignal): Promise<{ readonly secret: Secret }>
  delete(id: string, signal?: AbortSignal): Promise<Change>
  /**
   * Only of a store that this service alone makes keys in: then a key whose id was lost to a crash is found by it and
   * deleted. Left out: it stays, and encrypts nothing.
   */
  list?(signal?: AbortSignal): Promise<readonly string[]>
}

export interface LocalVolumeConfig {
  /** Of volumes that are created without one. */
  readonly availabilityZone: string
  readonly quotas: QuotaSettings
  /** May the sizes of all volumes add up to more than the pool's file system holds? */
  readonly overcommit: boolean
}

export interface LocalVolumeOptions {
  readonly host: Host
  /** Absolute; it is there already. `volumes.db` and `pool/` lie in it. */
  readonly directory: string
  readonly keys: VolumeKeys
  readonly config: LocalVolumeConfig
  /** How this host names itself in a connector. */
  readonly hostName: string
  /** For queries beside a process that writes: nothing is made, upgraded or recovered. */
  readonly readOnly?: boolean
}
