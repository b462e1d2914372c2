/** Facts that prove which volume a device is (I2). Each protocol fills what it has. */
export interface DiskIdentity {
  /** Pool files: `<inode>:<birth time in ns>`, which survives a rename and a reboot, and differs for every other file. */
  readonly inode?: string | undefined
  /** UUID in the LUKS header, lower case. */
  readonly luksUuid?: string | undefined
  readonly serial?: string | undefined
  readonly wwn?: string | undefined
}

/** A disk that QEMU opens itself, over the network: nothing of it lies on this host. */
export interface NetworkDisk {
  readonly protocol: 'rbd'
  /** `<pool>/<image>` or `<pool>/<namespace>/<image>` */
  readonly name: string
  readonly hosts: readonly { readonly name: string; readonly port: number }[]
  /** `secretUuid`: the libvirt secret that holds the user's key. */
  readonly auth?: { readonly username: string; readonly secretUuid: string } | undefined
  /** Where this host itself finds the user's key, to look at the image before QEMU does. Never the key. */
  readonly key?: NetworkKeySource | undefined
}

export interface NetworkKeySource {
  /** Name of the cluster, by which its files are called. */
  readonly cluster: string
  /** The key itself, sealed. */
  readonly sealed?: { readonly text: string; readonly context: string } | undefined
  /** The libvirt secret that the operator keeps for the cluster. */
  readonly operatorSecret?: string | undefined
}

/** What a connector yields: where the volume is. Encrypted volumes are still encrypted here. */
export interface DiskSource {
  readonly kind: 'block' | 'file' | 'network'
  /** Absolute. For `block` a device node, for `file` a raw image; for `network` `rbd:<name>`, to compare and to show. */
  readonly path: string
  /** Of kind `network`, and of no other. */
  readonly network?: NetworkDisk | undefined
  /** Size of the whole source, encryption header included. */
  readonly sizeBytes: number
  readonly identity: DiskIdentity
}

/** How the guest gets plaintext. Chosen once when a volume is first unlocked, recorded, and never inferred later. */
export type EncryptionMechanism = 'none' | 'dm-crypt' | 'native'

/** What an encryptor yields: what the hypervisor may show to a guest. */
export interface GuestSource {
  readonly mechanism: EncryptionMechanism
  readonly kind: 'block' | 'file' | 'network'
  /** Absolute. dm-crypt: `/dev/mapper/crypt-<volume id>`; native and none: the disk source's own path. */
  readonly path: string
  /** Of kind `network`, and of no other. */
  readonly network?: NetworkDisk | undefined
  /** Size that the guest sees, encryption header not included. */
  readonly sizeBytes: number
  /** Native: the libvirt secret that QEMU decrypts with. */
  readonly secretUuid?: string | undefined
  readonly luksUuid?: string | undefined
}

/** Same guest-visible source: same path, same way of decryption, same header. */
export const sameGuestSource = (a: GuestSource, b: GuestSource): boolean =>
  a.mechanism === b.mechanism &&
  a.kind === b.kind &&
  a.path === b.path &&
  a.secretUuid === b.secretUuid &&
  a.network?.auth?.secretUuid === b.network?.auth?.secretUuid
