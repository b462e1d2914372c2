import type { Sealer } from '#src/core/sealer.ts'
import type { Host } from '#src/host/host.ts'
import type { ServiceClient } from '#src/openstack/service-client.ts'

export interface CinderVolumeOptions {
  /** Of the service `block-storage`. */
  readonly client: ServiceClient
  readonly host: Pick<Host, 'clock' | 'random'>
  /** By which Cinder knows this host; connectors of another are refused. */
  readonly hostName: string
  /** Seals the secrets of connection info as soon as they come. */
  readonly sealer: Sealer
  /** `legacy`: by reserve, initialize and attach, whatever the service can do. */
  readonly attachments?: 'auto' | 'legacy' | undefined
  /** Not used beyond, whatever the service can do: `3.43`. */
  readonly microversionCeiling?: string | undefined
  /** Pools of Ceph whose images are taken; undefined: any. */
  readonly rbdPools?: readonly string[] | undefined
  /** Of new volumes whose request names none; undefined: the service chooses. */
  readonly availabilityZone?: string | undefined
  /** For one try of a query, and of what the service only accepts; 60 s unless told. */
  readonly queryDeadlineMs?: number | undefined
  /**
   * For one try of what Cinder's backend does before the reply comes (attachment create, update and delete, initialize and
   * terminate connection); above Cinder's `rpc_response_timeout`. 180 s unless told.
   */
  readonly attachmentDeadlineMs?: number | undefined
}

/** Largest size that the service's database can hold, GiB. */
export const LARGEST_SIZE = 2 ** 31 - 1

/** Marks what we made, so that it is found again if the reply got lost; not shown in views. */
export const REQUEST_MARK = 'holdfast:request'
