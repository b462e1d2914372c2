/** Connection info of a volume of the embedded pool. Field names as the Block Storage API writes them. */
export interface LocalConnectionInfo {
  readonly driver_volume_type: 'local'
  readonly volume_id: string
  /** The attachment that it was made for; undefined for the reserve/initialize generation. */
  readonly attachment_id?: string | undefined
  /** The host that it was made for; on another host it is refused. */
  readonly host: string
  readonly data: {
    /** Absolute path of the pool file or block device. */
    readonly device_path: string
    /** Size of the whole source in bytes, encryption header included. */
    readonly size_bytes: number
    readonly access_mode: 'rw' | 'ro'
    readonly encrypted: boolean
    readonly multiattach: boolean
    readonly discard: boolean
    /** `<inode>:<birth time in ns>` of the pool file. */
    readonly inode: string
    /** UUID that the LUKS header must have, for an encrypted volume. */
    readonly luks_uuid?: string | undefined
  }
}

/** What a volume service hands out so that a host can reach a volume: a union tagged by `driver_volume_type`. */
export type ConnectionInfo = LocalConnectionInfo

/** Who asks for connection info: sent to the volume service (os-brick `get_connector_properties`). */
export interface ConnectorProperties {
  readonly host: string
  readonly ip?: string | undefined
  readonly initiator?: string | undefined
  readonly multipath: boolean
  readonly platform: string
  readonly os_type: string
  readonly mountpoint?: string | undefined
}
