import type { Change } from '#src/core/change.ts'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { DiskSource, NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError, hasCode, isHoldfastError } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import type { CephKeys } from '#src/host/ceph/keys.ts'
import type { RbdImages } from '#src/host/ceph/rbd-images.ts'
import type { Host } from '#src/host/host.ts'
import { readLuksHeader } from '#src/host/luks-header.ts'
import type { KeptSecret, Secrets } from '#src/libvirt/index.ts'
import type { Connected, Connector, SourceFacts } from '../connector.ts'
import {
  descriptionOf,
  networkDiskOf,
  pathInDescription,
  pathOf,
  secretUuidOf,
  usageOf,
  volumeOfSecret,
} from './network-disk.ts'

export interface RbdConnectorParts {
  /** libvirt's secrets for Ceph users. */
  readonly secrets: Secrets
  readonly keys: Pick<CephKeys, 'of'>
  readonly images: Pick<RbdImages, 'size' | 'withHead'>
  /** Pools whose images may be connected; undefined: any. */
  readonly pools?: readonly string[] | undefined
}

const PATH = 'libvirt secret '

/**
 * Images of a Ceph cluster. The guest's QEMU opens them itself, so nothing of the volume comes onto this host; what is made
 * is an ephemeral private libvirt secret with the key of the volume's user. It is of this volume alone: the operator's
 * secret for the cluster is at most read.
 */
export class RbdConnector implements Connector<RbdConnectionInfo> {
  readonly protocol = 'rbd'
  readonly #host: Host
  readonly #parts: RbdConnectorParts

  constructor(host: Host, parts: RbdConnectorParts) {
    this.#host = host
    this.#parts = parts
  }

  async check(info: RbdConnectionInfo, signal?: AbortSignal): Promise<DiskSource> {
    signal?.throwIfAborted()
    this.#checkHost(info)
    const disk = networkDiskOf(info, this.#parts.pools)
    await this.#find(info, signal)
    return await this.#source(info, disk, signal)
  }

  async connect(info: RbdConnectionInfo, options: { asBlock: boolean }, signal?: AbortSignal): Promise<Connected> {
    signal?.throwIfAborted()
    if (options.asBlock) throw noBlockDevice(info)
    const source = await this.check(info, signal)
    return { change: await this.#giveKey(info, source, signal), source }
  }

  async disconnect(info: RbdConnectionInfo, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    this.#checkHost(info)
    const secret = await this.#parts.secrets.lookupByUsage(usageOf(info.volume_id), signal)
    if (secret?.uuid !== secretUuidOf(info.volume_id)) return 'already'
    return (await this.#parts.secrets.undefine(secret.uuid, signal)) ? 'made' : 'already'
  }

  async probe(
    info: RbdConnectionInfo,
    options: { asBlock: boolean },
    signal?: AbortSignal,
  ): Promise<DiskSource | undefined> {
    signal?.throwIfAborted()
    this.#checkHost(info)
    const disk = networkDiskOf(info, this.#parts.pools)
    if (options.asBlock || !(await this.#hasKey(info, disk, signal))) return undefined
    try {
      return await this.#source(info, disk, signal)
    } catch (error) {
      if (hasCode(error, 'storage-absent')) return undefined
      throw error
    }
  }

  async list(signal?: AbortSignal): Promise<readonly SourceFacts[]> {
    signal?.throwIfAborted()
    const secrets = await this.#parts.secrets.list(signal)
    return secrets.map(secret => {
      const volumeId = volumeOfSecret(secret)
      const over = (volumeId && pathInDescription(secret.description)) || secret.usage
      return { path: `${PATH}${secret.uuid}`, volumeId, over, holders: [] }
    })
  }

  async remove({ path }: SourceFacts, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    const uuid = path.startsWith(PATH) ? path.slice(PATH.length) : ''
    if (!isUuid(uuid)) throw notOurs(path)
    const secret = (await this.#parts.secrets.list(signal)).find(other => other.uuid === uuid)
    if (!secret) return 'already'
    if (volumeOfSecret(secret) === undefined) throw notOurs(path)
    return (await this.#parts.secrets.undefine(uuid, signal)) ? 'made' : 'already'
  }

  /** Once more each time: a key that stands cannot be read back, and may be an old one. */
  async #giveKey(info: RbdConnectionInfo, { path, network }: DiskSource, signal?: AbortSignal): Promise<Change> {
    if (!network?.auth) return 'already'
    const { secretUuid: uuid } = network.auth
    const standing = await this.#find(info, signal)
    using key = await this.#parts.keys.of(network, signal)
    const secret = { uuid, usage: usageOf(info.volume_id), description: descriptionOf(path) }
    if (!standing) await this.#parts.secrets.define(secret, signal)
    await this.#parts.secrets.setValue(uuid, key.reveal(), signal)
    return standing?.hasValue ? 'already' : 'made'
  }

  async #hasKey(info: RbdConnectionInfo, disk: NetworkDisk, signal?: AbortSignal): Promise<boolean> {
    if (!disk.auth) return true
    const secret = await this.#parts.secrets.lookupByUsage(usageOf(info.volume_id), signal)
    return secret?.hasValue === true && secret.uuid === disk.auth.secretUuid
  }

  /** @throws HoldfastError `secret-foreign` (conflict) if the usage is taken by a secret that is not ours */
  async #find(info: RbdConnectionInfo, signal?: AbortSignal): Promise<KeptSecret | undefined> {
    const usage = usageOf(info.volume_id)
    const secret = await this.#parts.secrets.lookupByUsage(usage, signal)
    if (!secret || secret.uuid === secretUuidOf(info.volume_id)) return secret
    const message = `libvirt has a secret ${secret.uuid} for '${usage}' that Holdfast did not make`
    const hint = `if nothing needs it: virsh secret-undefine ${secret.uuid}`
    throw new HoldfastError('conflict', 'secret-foreign', message, {
      details: { volume: info.volume_id, layer: 'connection', left: 'it was not touched', hint },
    })
  }

  async #source(info: RbdConnectionInfo, network: NetworkDisk, signal?: AbortSignal): Promise<DiskSource> {
    try {
      const sizeBytes = await this.#parts.images.size(network, signal)
      const luksUuid = await this.#luksUuid(info, network, sizeBytes, signal)
      return { kind: 'network', path: pathOf(info), network, sizeBytes, identity: { luksUuid } }
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      throw error.within({ volume: info.volume_id, layer: 'connection' })
    }
  }

  /** Looked at only where it proves something (I2). A header that is damaged proves nothing; the encryptor tells of it. */
  async #luksUuid(
    { volume_id: volumeId, data }: RbdConnectionInfo,
    network: NetworkDisk,
    sizeBytes: number,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const wanted = data.luks_uuid
    if (wanted === undefined) return undefined
    const work = async (path: string) => await this.#headerUuid(path)
    const found = await this.#parts.images.withHead(network, sizeBytes, work, signal)
    if (found === undefined || found === wanted) return found
    const message = `image ${data.name} is not volume ${volumeId}: found the LUKS header of volume ${found}`
    throw new HoldfastError('unsafe', 'wrong-device', message, {
      details: { volume: volumeId, layer: 'connection', left: 'nothing was touched' },
    })
  }

  async #headerUuid(path: string): Promise<string | undefined> {
    try {
      return (await readLuksHeader(this.#host, path))?.uuid
    } catch (error) {
      if (hasCode(error, 'luks-header-corrupt')) return undefined
      throw error
    }
  }

  #checkHost(info: RbdConnectionInfo): void {
    if (info.host === this.#host.name) return
    const message = `connection info of volume ${info.volume_id} was made for host '${info.host}', this is '${this.#host.name}'`
    throw new HoldfastError('unsafe', 'wrong-host', message, {
      details: { volume: info.volume_id, layer: 'connection', left: 'nothing was touched' },
    })
  }
}

const noBlockDevice = ({ volume_id: volume, data }: RbdConnectionInfo) =>
  new HoldfastError(
    'unsupported',
    'connector-unsupported',
    `volume ${volume} (image ${data.name}) gets no block device here: the kernel's RBD driver is not used, so LUKS2 and dm-crypt volumes on Ceph cannot be opened`,
    {
      details: {
        volume,
        layer: 'connection',
        hint: "use a volume type with provider 'luks', which QEMU decrypts itself",
      },
    },
  )

const notOurs = (path: string) =>
  new HoldfastError('unsafe', 'wrong-device', `${path} was not made by Holdfast; it is not removed`, {
    details: { layer: 'connection', left: 'it was not touched' },
  })
