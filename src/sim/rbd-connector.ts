import type { Connected, Connector, SourceFacts } from '#src/connectors/connector.ts'
import type { Change } from '#src/core/change.ts'
import type { RbdConnectionInfo } from '#src/core/connection-info.ts'
import type { DiskSource, NetworkDisk } from '#src/core/disk.ts'
import { HoldfastError, hasCode } from '#src/core/error.ts'
import { isUuid } from '#src/core/names.ts'
import { cephKeyHash, cephSecretUuid, cephUsage, keyringPath, simCeph, volumeOfCephSecret } from './ceph.ts'
import { simNetworkDisk, wrongImage } from './rbd-disk.ts'
import { hashOf, type SimSecret, type World } from './world.ts'

const PATH = 'libvirt secret '

/**
 * The simulated twin of the connector of Ceph images: it makes the libvirt secret with the user's key, each time with its
 * value; the images are the world's.
 */
export class SimRbdConnector implements Connector<RbdConnectionInfo> {
  readonly protocol = 'rbd'
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async check(info: RbdConnectionInfo, signal?: AbortSignal): Promise<DiskSource> {
    signal?.throwIfAborted()
    this.#checkHost(info)
    const disk = simNetworkDisk(info)
    const look = () => {
      this.#find(info)
      return this.#source(info, disk)
    }
    return await this.#world.look(`ceph check ${info.volume_id}`, look, signal)
  }

  async connect(info: RbdConnectionInfo, options: { asBlock: boolean }, signal?: AbortSignal): Promise<Connected> {
    signal?.throwIfAborted()
    if (options.asBlock) throw noBlockDevice(info)
    const source = await this.check(info, signal)
    const { network } = source
    if (!network?.auth) return { change: 'already', source }
    const { volume_id: id } = info
    const look = () => ({ standing: this.#find(info), valueHash: this.#keyHash(network) })
    const { standing, valueHash } = await this.#world.look(`ceph look ${id}`, look, signal)
    if (!standing) await this.#world.effect(`ceph secret-define ${id}`, () => this.#define(id, source.path), signal)
    const had = standing?.valueHash !== undefined
    await this.#world.effect(`ceph secret-set-value ${id}`, () => this.#setValue(id, valueHash), signal)
    return { change: had ? 'already' : 'made', source }
  }

  #define(volumeId: string, path: string): void {
    const uuid = cephSecretUuid(volumeId)
    this.#world.secrets.set(uuid, { uuid, usage: cephUsage(volumeId), purpose: 'ceph', over: path })
  }

  #setValue(volumeId: string, valueHash: string): void {
    const secret = this.#world.secrets.get(cephSecretUuid(volumeId))
    if (secret) secret.valueHash = valueHash
    else throw new HoldfastError('host-command', 'hypervisor-error', `there is no secret for volume ${volumeId}`)
  }

  async disconnect(info: RbdConnectionInfo, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    this.#checkHost(info)
    const find = () => this.#byUsage(info.volume_id)?.uuid === cephSecretUuid(info.volume_id)
    if (!(await this.#world.look(`ceph find ${info.volume_id}`, find, signal))) return 'already'
    return await this.#undefine(cephSecretUuid(info.volume_id), info.volume_id, signal)
  }

  #undefine(uuid: string, volumeId: string, signal?: AbortSignal): Promise<Change> {
    const undefine = () => (this.#world.secrets.delete(uuid) ? 'made' : 'already')
    return this.#world.effect(`ceph secret-undefine ${volumeId}`, undefine, signal)
  }

  async probe(
    info: RbdConnectionInfo,
    options: { asBlock: boolean },
    signal?: AbortSignal,
  ): Promise<DiskSource | undefined> {
    signal?.throwIfAborted()
    this.#checkHost(info)
    const disk = simNetworkDisk(info)
    return await this.#world.look(`ceph probe ${info.volume_id}`, () => this.#probe(info, disk, options), signal)
  }

  #probe(info: RbdConnectionInfo, disk: NetworkDisk, { asBlock }: { asBlock: boolean }): DiskSource | undefined {
    const secret = this.#byUsage(info.volume_id)
    const hasKey = secret?.valueHash !== undefined && secret.uuid === disk.auth?.secretUuid
    if (asBlock || (disk.auth && !hasKey)) return undefined
    try {
      return this.#source(info, disk)
    } catch (error) {
      if (hasCode(error, 'storage-absent')) return undefined
      throw error
    }
  }

  list(signal?: AbortSignal): Promise<readonly SourceFacts[]> {
    const facts = () =>
      [...this.#world.secrets.values()]
        .filter(({ purpose }) => purpose === 'ceph')
        .map(secret => ({
          path: `${PATH}${secret.uuid}`,
          volumeId: volumeOfCephSecret(secret),
          over: (volumeOfCephSecret(secret) && secret.over) || secret.usage,
          holders: [],
        }))
        .sort((a, b) => (a.path < b.path ? -1 : 1))
    return this.#world.look('ceph secret-list', facts, signal)
  }

  async remove({ path }: SourceFacts, signal?: AbortSignal): Promise<Change> {
    signal?.throwIfAborted()
    const uuid = path.startsWith(PATH) ? path.slice(PATH.length) : ''
    if (!isUuid(uuid)) throw notOurs(path)
    const secret = await this.#world.look(`ceph find ${uuid}`, () => this.#world.secrets.get(uuid), signal)
    if (!secret) return 'already'
    const volumeId = volumeOfCephSecret(secret)
    if (volumeId === undefined) throw notOurs(path)
    return await this.#undefine(uuid, volumeId, signal)
  }

  #byUsage(volumeId: string): SimSecret | undefined {
    const usage = cephUsage(volumeId)
    return [...this.#world.secrets.values()].find(secret => secret.purpose === 'ceph' && secret.usage === usage)
  }

  #find({ volume_id: volumeId }: RbdConnectionInfo): SimSecret | undefined {
    const secret = this.#byUsage(volumeId)
    if (!secret || secret.uuid === cephSecretUuid(volumeId)) return secret && { ...secret }
    const message = `there is a secret ${secret.uuid} for '${cephUsage(volumeId)}' that Holdfast did not make`
    throw new HoldfastError('conflict', 'secret-foreign', message, {
      details: { volume: volumeId, layer: 'connection', left: 'it was not touched' },
    })
  }

  /** From what the volume service handed out, the host's keyring file, or the operator's secret, in this order. */
  #keyHash({ auth, key, name }: NetworkDisk): string {
    const user = auth?.username ?? ''
    if (key?.sealed) return cephKeyHash(this.#world, user) ?? ''
    const file = this.#world.files.get(keyringPath(key?.cluster ?? 'ceph', user))?.bytes
    const found = /key = (\S+)/.exec(Buffer.from(file ?? []).toString())?.[1]
    if (found !== undefined) return hashOf(new TextEncoder().encode(found))
    const operators = this.#world.secrets.get(key?.operatorSecret ?? '')?.valueHash
    if (operators !== undefined) return operators
    throw new HoldfastError(
      'not-found',
      'ceph-key-missing',
      `there is no key of Ceph user '${user}' for image ${name}`,
      {
        details: { layer: 'connection', hint: `put the user's keyring at ${keyringPath('ceph', user)}` },
      },
    )
  }

  #source(info: RbdConnectionInfo, network: NetworkDisk): DiskSource {
    this.#checkReach(info, network)
    const path = `rbd:${network.name}`
    const file = this.#world.files.get(path)
    if (!file) throw refuse(info, 'unavailable', 'storage-absent', `there is no image ${network.name}`)
    const { luks_uuid: wanted } = info.data
    const found = file.luks?.damaged ? undefined : file.luks?.uuid
    if (wanted !== undefined && found !== undefined && found !== wanted) {
      throw wrongImage(info, `found the LUKS header of volume ${found}`)
    }
    const luksUuid = wanted === undefined ? undefined : found
    return { kind: 'network', path, network, sizeBytes: file.sizeBytes, identity: { luksUuid } }
  }

  #checkReach(info: RbdConnectionInfo, { hosts, auth }: NetworkDisk): void {
    const { monitors } = simCeph(this.#world)
    const addresses = hosts.map(({ name, port }) => `${name}:${port}`)
    if (!addresses.some(address => monitors.has(address))) {
      throw refuse(info, 'unavailable', 'storage-unreachable', `no monitor answers at ${addresses.join(', ')}`)
    }
    if (!auth || this.#keyHash(simNetworkDisk(info)) === cephKeyHash(this.#world, auth.username)) return
    throw refuse(info, 'forbidden', 'storage-forbidden', `the cluster refuses the key of Ceph user '${auth.username}'`)
  }

  #checkHost(info: RbdConnectionInfo): void {
    if (info.host === this.#world.hostName) return
    const why = `connection info was made for host '${info.host}', this is '${this.#world.hostName}'`
    throw refuse(info, 'unsafe', 'wrong-host', why)
  }
}

const refuse = (
  { volume_id: volume }: RbdConnectionInfo,
  kind: 'unsafe' | 'unavailable' | 'forbidden',
  code: string,
  why: string,
) => new HoldfastError(kind, code, `volume ${volume}: ${why}`, { details: { volume, layer: 'connection' } })

const noBlockDevice = ({ volume_id: volume, data }: RbdConnectionInfo) =>
  new HoldfastError(
    'unsupported',
    'connector-unsupported',
    `volume ${volume} (image ${data.name}) gets no block device here, so LUKS2 and dm-crypt volumes on Ceph cannot be opened`,
    { details: { volume, layer: 'connection', hint: "use a volume type with provider 'luks'" } },
  )

const notOurs = (path: string) =>
  new HoldfastError('unsafe', 'wrong-device', `${path} was not made by Holdfast; it is not removed`, {
    details: { layer: 'connection', left: 'it was not touched' },
  })
