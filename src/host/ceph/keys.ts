import type { NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Sealer } from '#src/core/sealer.ts'
import { Secret } from '#src/core/secret.ts'
import type { Host } from '../host.ts'
import { parseKeyring } from './keyring.ts'
import { checkNetworkDisk } from './names.ts'

export interface CephKeysOptions {
  /** Where clusters' configurations and keyrings lie: `<cluster>.conf`, `<cluster>.client.<user>.keyring`. Absolute. */
  readonly folder: string
  readonly sealer?: Sealer | undefined
  /** The value of a libvirt secret; undefined if there is none that may be read. */
  readonly readSecret?: ((uuid: string, signal?: AbortSignal) => Promise<Secret | undefined>) | undefined
}

/**
 * Where a Ceph user's key comes from: what the volume service handed out, else the keyring file of this host, else the
 * libvirt secret that the operator defined for the cluster (Nova `rbd_secret_uuid`) if it may be read.
 */
export class CephKeys {
  readonly folder: string
  readonly #host: Pick<Host, 'files'>
  readonly #options: CephKeysOptions

  constructor(host: Pick<Host, 'files'>, options: CephKeysOptions) {
    this.#host = host
    this.#options = options
    this.folder = options.folder
  }

  /**
   * The key of the disk's user, the caller's to wipe.
   * @throws HoldfastError `ceph-key-missing` (not-found), `ceph-key-malformed` (corrupt); what opening a seal or reading throws
   */
  async of(disk: NetworkDisk, signal?: AbortSignal): Promise<Secret> {
    checkNetworkDisk(disk)
    const key =
      (await this.#sealed(disk, signal)) ?? (await this.#inFile(disk)) ?? (await this.#operators(disk, signal))
    if (key) return key
    throw new HoldfastError(
      'not-found',
      'ceph-key-missing',
      `there is no key of Ceph user '${disk.auth?.username}' for image ${disk.name} on this host`,
      {
        details: {
          layer: 'connection',
          hint: `put the user's keyring at ${this.#file(disk)}, readable by Holdfast, or define a libvirt secret that is not private`,
        },
      },
    )
  }

  async #sealed(disk: NetworkDisk, signal?: AbortSignal): Promise<Secret | undefined> {
    const { sealer } = this.#options
    const sealed = disk.key?.sealed
    if (!sealed || !sealer) return undefined
    using text = await sealer.open(sealed.text, sealed.context, signal)
    return this.#parsed(text.reveal(), disk, 'what the volume service handed out')
  }

  async #inFile(disk: NetworkDisk): Promise<Secret | undefined> {
    const path = this.#file(disk)
    const bytes = await this.#host.files.read(path)
    if (!bytes) return undefined
    using text = new Secret(bytes)
    return this.#parsed(text.reveal(), disk, path)
  }

  async #operators({ key }: NetworkDisk, signal?: AbortSignal): Promise<Secret | undefined> {
    if (key?.operatorSecret === undefined) return undefined
    return await this.#options.readSecret?.(key.operatorSecret, signal)
  }

  #file({ auth, key }: NetworkDisk): string {
    return `${this.folder}/${key?.cluster ?? 'ceph'}.client.${auth?.username}.keyring`
  }

  #parsed(text: Uint8Array, disk: NetworkDisk, where: string): Secret {
    const key = parseKeyring(text, disk.auth?.username ?? '')
    if (key) return key
    const message = `${where} has no key of Ceph user '${disk.auth?.username}' for image ${disk.name}`
    throw new HoldfastError('corrupt', 'ceph-key-malformed', message, {
      details: { layer: 'connection', hint: `see 'ceph auth get client.${disk.auth?.username}'` },
    })
  }
}
