import { HoldfastError } from '#src/core/error.ts'
import type { DomainDisk, DomainFacts, DomainInterface, DomainSpec, DomainState } from '#src/hypervisor/hypervisor.ts'
import { cephKeyHash } from './ceph.ts'
import type { Copier, Forkable } from './copy.ts'
import type { Seen, World } from './world.ts'

/** One configuration of a domain, as far as libvirt's XML has it. */
export interface SimConfiguration {
  readonly memoryMib: number
  readonly cpus: number
  readonly kernel?: DomainSpec['kernel']
  readonly consoleLog?: string | undefined
  disks: readonly SimDisk[]
  readonly interfaces: readonly DomainInterface[]
}

export interface SimDisk {
  readonly volumeId: string
  readonly target: string
  readonly kind: 'block' | 'file' | 'network'
  readonly path: string
  readonly secretUuid?: string | undefined
  /** Of a network disk that wants a key: the Ceph user, and the secret with its key. */
  readonly auth?: { readonly username: string; readonly secretUuid: string } | undefined
  readonly readonly: boolean
  readonly shareable: boolean
  readonly discard: boolean
  readonly bootOrder?: number | undefined
}

export interface SimDomain {
  readonly id: string
  readonly name: string
  readonly ours: boolean
  state: DomainState
  runtimeId?: number | undefined
  live?: SimConfiguration | undefined
  persistent?: SimConfiguration | undefined
  /** Resets of this domain's guests, all runs together. */
  resets: number
}

/** What a guest got to see on a disk, at its start or when the disk was presented: what I1 and I2 are about. */
export interface GuestSight {
  readonly instanceId: string
  readonly runtimeId: number
  readonly volumeId: string
  readonly seen: Seen | undefined
}

/** How guests behave, all of them, until a test says otherwise. */
export interface GuestManners {
  /** The guest does not answer the power button: neither shutdown nor reboot ends. */
  ignoresPower: boolean
  /** The guest does not answer unplug requests. */
  keepsDisks: boolean
  /** The guest answers unplug requests with a refusal. */
  refusesUnplug: boolean
}

/**
 * libvirt and QEMU of the simulated host: configurations, runs and what they hold open. It outlives the process. Tests
 * may call any verb here: that is somebody else's doing, and passes no fault point.
 */
export class SimLibvirt implements Forkable<World> {
  readonly domains = new Map<string, SimDomain>()
  readonly manners: GuestManners = { ignoresPower: false, keepsDisks: false, refusesUnplug: false }
  readonly sights: GuestSight[] = []
  /** Sizes that running guests were told, by instance and volume, bytes. */
  readonly toldSizes = new Map<string, number>()
  /** Instances whose NVRAM is kept beside the domain. */
  readonly nvram = new Set<string>()
  /** False: libvirt does not run; guests go on. */
  up = true
  hasEmulator = true
  /** So many times another tool starts a domain again right after it was destroyed. */
  restartsAfterDestroy = 0
  readonly #world: World
  #runs = 0

  constructor(world: World) {
    this.#world = world
    world.onReboot(() => {
      for (const domain of [...this.domains.values()]) this.endRun(domain)
      this.#runs = 0
    })
  }

  fork(world: World, copy: Copier): SimLibvirt {
    const made = new SimLibvirt(world)
    for (const [id, domain] of this.domains) made.domains.set(id, copy(domain))
    for (const [key, bytes] of this.toldSizes) made.toldSizes.set(key, bytes)
    for (const id of this.nvram) made.nvram.add(id)
    made.sights.push(...this.sights)
    Object.assign(made.manners, this.manners)
    const { up, hasEmulator, restartsAfterDestroy } = this
    Object.assign(made, { up, hasEmulator, restartsAfterDestroy })
    made.#runs = this.#runs
    return made
  }

  define(domain: Pick<SimDomain, 'id' | 'name' | 'ours'>, persistent: SimConfiguration): void {
    const there = this.domains.get(domain.id)
    if (there) there.persistent = persistent
    else this.domains.set(domain.id, { ...domain, state: 'shutoff', resets: 0, persistent })
  }

  undefine(domain: SimDomain, forget: boolean): void {
    domain.persistent = undefined
    if (forget) this.nvram.delete(domain.id)
    if (!domain.live) this.domains.delete(domain.id)
  }

  /** @throws HoldfastError `hypervisor-error` with what libvirt would say */
  start(domain: SimDomain): void {
    if (!domain.persistent || domain.live) throw libvirtError('domain is already running', 'OPERATION_INVALID 55')
    const live = structuredClone(domain.persistent)
    this.#checkStart(domain, live)
    domain.runtimeId = ++this.#runs
    domain.live = live
    domain.state = 'running'
    for (const disk of live.disks) this.#open(domain, disk)
    for (const { tap, bridge } of live.interfaces) {
      this.#world.interfaces.set(tap, { name: tap, kind: 'tap', bridge })
    }
  }

  #checkStart(domain: SimDomain, { kernel, disks, interfaces }: SimConfiguration): void {
    for (const path of [kernel?.image, kernel?.initrd]) {
      if (path !== undefined && !this.#world.files.has(path)) throw noFile(path)
    }
    for (const disk of disks) this.#checkOpen(domain, disk)
    for (const { bridge } of interfaces) {
      if (this.#world.interfaces.get(bridge)?.kind !== 'bridge') {
        throw libvirtError(`Cannot get interface MTU on '${bridge}': No such device`, 'SYSTEM_ERROR 38')
      }
    }
  }

  /** What QEMU refuses to open. The wrong device it does not notice: that is for I1 and I2. */
  #checkOpen(domain: SimDomain, { kind, path, secretUuid, auth, shareable }: SimDisk): void {
    if (auth) this.#checkAuth(auth)
    const file = this.#world.below(path)
    if (!file) throw kind === 'network' ? noImage(path) : noFile(path)
    if (secretUuid !== undefined) this.#checkSecret(file.luks?.passphraseHash, secretUuid)
    const others = [...(this.#world.users.get(path) ?? [])].filter(user => user !== qemuOf(domain.id))
    if (file.kind === 'file' && !shareable && others.some(user => user.startsWith('qemu '))) {
      throw libvirtError(
        `internal error: qemu unexpectedly closed the monitor: Failed to get "write" lock`,
        'INTERNAL_ERROR 1',
      )
    }
  }

  #checkSecret(passphraseHash: string | undefined, uuid: string): void {
    const valueHash = this.#valueOf(uuid)
    if (passphraseHash === undefined) throw libvirtError(`${CLOSED}Volume is not in LUKS format`, 'INTERNAL_ERROR 1')
    if (passphraseHash !== valueHash) {
      throw libvirtError(`${CLOSED}Invalid password, cannot unlock any keyslot`, 'INTERNAL_ERROR 1')
    }
  }

  #checkAuth({ username, secretUuid }: NonNullable<SimDisk['auth']>): void {
    if (this.#valueOf(secretUuid) === cephKeyHash(this.#world, username)) return
    throw libvirtError(`${CLOSED}error connecting: Operation not permitted`, 'INTERNAL_ERROR 1')
  }

  #valueOf(uuid: string): string {
    const secret = this.#world.secrets.get(uuid)
    if (!secret) throw libvirtError(`Secret not found: no secret with matching uuid '${uuid}'`, 'NO_SECRET 66')
    if (secret.valueHash !== undefined) return secret.valueHash
    throw libvirtError(`secret '${uuid}' does not have a value`, 'NO_SECRET 66')
  }

  #open(domain: SimDomain, { path, secretUuid, volumeId }: SimDisk): void {
    this.#world.hold(path, qemuOf(domain.id))
    const seen = this.#world.see(path, secretUuid)
    this.sights.push({ instanceId: domain.id, runtimeId: domain.runtimeId ?? 0, volumeId, seen })
  }

  /** The QEMU process ends, for whatever reason. A transient domain is gone with it. */
  endRun(domain: SimDomain): void {
    for (const { path } of domain.live?.disks ?? []) this.#world.release(path, qemuOf(domain.id))
    for (const { tap } of domain.live?.interfaces ?? []) this.#world.interfaces.delete(tap)
    domain.live = undefined
    domain.runtimeId = undefined
    domain.state = 'shutoff'
    if (!domain.persistent) this.domains.delete(domain.id)
  }

  /** As libvirt does: neither configuration is changed if the guest cannot have it. */
  attach(domain: SimDomain, disk: SimDisk, to: { readonly live: boolean; readonly persistent: boolean }): void {
    if (to.live && domain.live) {
      this.#checkOpen(domain, disk)
      this.#open(domain, disk)
      domain.live.disks = [...domain.live.disks, disk]
    }
    if (to.persistent && domain.persistent) domain.persistent.disks = [...domain.persistent.disks, disk]
  }

  /** The guest lets go of a disk. */
  detachLive(domain: SimDomain, volumeId: string): void {
    const gone = domain.live?.disks.find(disk => disk.volumeId === volumeId)
    if (!gone || !domain.live) return
    domain.live.disks = domain.live.disks.filter(disk => disk !== gone)
    this.#world.release(gone.path, qemuOf(domain.id))
  }

  detachPersistent({ persistent }: SimDomain, volumeId: string): void {
    if (persistent) persistent.disks = persistent.disks.filter(disk => disk.volumeId !== volumeId)
  }
}

const qemuOf = (instanceId: string): string => `qemu of instance ${instanceId}`

/** An answer of libvirt's; `code` with its name and number. */
export const libvirtError = (text: string, code: string): HoldfastError =>
  new HoldfastError('host-command', 'hypervisor-error', `libvirt failed: ${text} (libvirt ${code})`, {
    details: { layer: 'presentation' },
  })

const CLOSED = 'internal error: process exited while connecting to monitor: '

const noImage = (path: string) =>
  libvirtError(
    `${CLOSED}error reading header from ${path.split('/').at(-1)}: No such file or directory`,
    'INTERNAL_ERROR 1',
  )

const noFile = (path: string) =>
  libvirtError(`Cannot access storage file '${path}': No such file or directory`, 'SYSTEM_ERROR 38')

export function simDisk(disk: DomainDisk): SimDisk {
  const { volumeId, target, readonly, shareable, discard, bootOrder, source } = disk
  const { kind, path, secretUuid, network } = source
  const auth = network?.auth && { auth: { ...network.auth } }
  return { volumeId, target, kind, path, secretUuid, ...auth, readonly, shareable, discard, bootOrder }
}

export const simConfiguration = (spec: DomainSpec): SimConfiguration => ({
  memoryMib: spec.memoryMib,
  cpus: spec.cpus,
  kernel: spec.kernel,
  consoleLog: spec.consoleLog,
  disks: spec.disks.map(simDisk),
  interfaces: spec.interfaces.map(({ portId, mac, bridge, tap }) => ({ portId, mac, bridge, tap })),
})

const diskFacts = (configuration: SimConfiguration | undefined) =>
  configuration?.disks.map(({ target, volumeId, kind, path, secretUuid, auth }) => ({
    target,
    volumeId,
    kind,
    path,
    secretUuid,
    authSecretUuid: auth?.secretUuid,
  })) ?? []

export const simFacts = (domain: SimDomain): DomainFacts => ({
  id: domain.id,
  name: domain.name,
  state: domain.state,
  persistent: domain.persistent !== undefined,
  runtimeId: domain.runtimeId,
  ours: domain.ours,
  liveDisks: diskFacts(domain.live),
  persistentDisks: diskFacts(domain.persistent),
})
