/** What every kind says of its volume. Field names as the Block Storage API writes them. */
export interface ConnectionData {
  readonly access_mode: 'rw' | 'ro'
  readonly encrypted: boolean
  readonly multiattach: boolean
  readonly discard: boolean
  /** UUID that the LUKS header must have, where the volume service knows it. */
  readonly luks_uuid?: string | undefined
}

interface Connection<Kind extends string, Data extends ConnectionData> {
  readonly driver_volume_type: Kind
  readonly volume_id: string
  /** The attachment that it was made for; undefined for the reserve/initialize generation. */
  readonly attachment_id?: string | undefined
  /** The host that it was made for; on another host it is refused. */
  readonly host: string
  readonly data: Data
}

/** A volume of the embedded pool. */
export type LocalConnectionInfo = Connection<
  'local',
  ConnectionData & {
    /** Absolute path of the pool file or block device. */
    readonly device_path: string
    /** Size of the whole source in bytes, encryption header included. */
    readonly size_bytes: number
    /** `<inode>:<birth time in ns>` of the pool file. */
    readonly inode: string
  }
>

/** An image of a Ceph cluster, as Cinder's RBD driver hands it out. */
export type RbdConnectionInfo = Connection<
  'rbd',
  ConnectionData & {
    /** `<pool>/<image>` or `<pool>/<namespace>/<image>` */
    readonly name: string
    /** By which the backend knows the volume after a migration, where it is another than the volume's id. */
    readonly name_id?: string | undefined
    /** Monitors; `ports` goes with them, one each. IPv6 addresses without brackets. */
    readonly hosts: readonly string[]
    readonly ports: readonly string[]
    readonly cluster_name: string
    readonly auth_enabled: boolean
    readonly auth_username?: string | undefined
    /** UUID of the libvirt secret that operators define for the cluster. */
    readonly secret_uuid?: string | undefined
    /** The cephx key, sealed (context `<volume id>/keyring`); only where the volume service hands it out. */
    readonly keyring?: string | undefined
  }
>

/** One or more portals of an iSCSI target. */
export type IscsiConnectionInfo = Connection<
  'iscsi',
  ConnectionData & {
    /** One entry for each path; a single-path target has one. */
    readonly targets: readonly { readonly portal: string; readonly iqn: string; readonly lun: number }[]
    readonly auth_method?: string | undefined
    readonly auth_username?: string | undefined
    /** Sealed (contexts `<volume id>/auth_password`, `<volume id>/discovery_auth_password`). */
    readonly auth_password?: string | undefined
    readonly discovery_auth_method?: string | undefined
    readonly discovery_auth_username?: string | undefined
    readonly discovery_auth_password?: string | undefined
  }
>

/** What a volume service hands out so that a host can reach a volume: a union tagged by `driver_volume_type`. */
export type ConnectionInfo = LocalConnectionInfo | RbdConnectionInfo | IscsiConnectionInfo

/** Kinds that QEMU opens itself: nothing of the volume lies on this host. */
export const isNetworkDisk = (info: ConnectionInfo): boolean => info.driver_volume_type === 'rbd'

/** Who asks for connection info: sent to the volume service (os-brick `get_connector_properties`). */
export interface ConnectorProperties {
  readonly host: string
  readonly ip?: string | undefined
  /** iSCSI qualified name of this host. */
  readonly initiator?: string | undefined
  readonly multipath: boolean
  readonly platform: string
  readonly os_type: string
  readonly mountpoint?: string | undefined
}
