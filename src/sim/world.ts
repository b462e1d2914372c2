import { createHash } from 'node:crypto'
import { HoldfastError } from '#src/core/error.ts'
import type { Secret } from '#src/core/secret.ts'
import { VirtualClock } from './clock.ts'
import { copier, isForkable } from './copy.ts'
import { type FaultPlan, type FaultPoint, noFaults } from './faults.ts'
import { SeededRandom } from './random.ts'

export interface SimLuks {
  readonly version: 1 | 2
  uuid: string
  passphraseHash: string
  readonly payloadOffsetBytes: number
  /** `aes-xts-plain64` unless told. */
  readonly cipher?: string | undefined
  /** 512 unless told. */
  readonly keySizeBits?: number | undefined
  /** Of its key slots; cheap ones unless told. */
  readonly derivation?: { readonly memoryBytes: number; readonly threads: number } | undefined
  /** The magic is there, the rest is not. */
  damaged?: boolean
}

/**
 * What lies at a path of the simulated host: a pool file, a small file, a folder or a block device of its own. Of kind `network`
 * it lies elsewhere, an image of Ceph at `rbd:<pool>/<image>` for example, and QEMU alone can open it.
 */
export interface SimFile {
  readonly kind: 'file' | 'block' | 'directory' | 'network'
  sizeBytes: number
  /** `<inode>:<birth time>`: no two files ever have the same. */
  readonly inode: string
  mode: number
  /** Whose data it holds, a free word such as a volume id: what a test looks for in a guest (I2). */
  content: string
  luks?: SimLuks | undefined
  /** Of small files, which are read whole. */
  bytes?: Uint8Array | undefined
}

export interface SimLoop {
  readonly path: string
  readonly file: SimFile
  /** The name that the file had when it was attached. */
  readonly backingPath: string
  /** Cannot be written to; it can unless told. */
  readonly readonly?: boolean | undefined
  /** The size that its file had when it was last looked at; that of the file unless told. */
  sizeBytes?: number | undefined
  /** Detached while it was in use: it goes away with its last user. */
  detached?: boolean | undefined
}

export interface SimMapping {
  readonly name: string
  readonly target: 'crypt' | 'linear'
  /** Device-mapper's UUID, `CRYPT-LUKS2-…`. */
  readonly dmUuid: string
  /** Path of the block device below. */
  readonly over: string
  readonly sizeBytes: number
  /** Number of its device; one that its name tells unless told. */
  readonly minor?: number | undefined
  /** Where in the device below its data begins, and its cipher: as the header there says unless told. */
  readonly offsetBytes?: number | undefined
  readonly cipher?: string | undefined
  /** It has no table yet: it was created, or one was loaded that does not show before it is resumed. */
  readonly bare?: 'created' | 'loaded' | undefined
}

/** A libvirt secret. Ephemeral ones are gone when the host boots. */
export interface SimSecret {
  readonly uuid: string
  readonly usage: string
  valueHash?: string | undefined
  /** What libvirt calls its usage's type: that of a volume's passphrase unless told. */
  readonly purpose?: 'volume' | 'ceph' | undefined
  /** The image that its description names. */
  readonly over?: string | undefined
  /** An operator's own, which is kept on disk. */
  readonly kept?: boolean | undefined
}

export interface SimInterface {
  readonly name: string
  readonly kind: 'tap' | 'bridge' | 'other'
  readonly bridge?: string | undefined
}

/** What somebody who reads a path gets to see. */
export interface Seen {
  readonly content: string
  readonly ciphertext: boolean
}

/** Longer than any deadline. */
const HANG_MS = 3_600_000

/**
 * One simulated host and what is around it. Twins of the ports change it through `effect` only and ask it through
 * `look`, so that a fault can strike at each; everything is deterministic for a seed and a fault plan. Tests may
 * change the maps as they like: that is the world behind Holdfast's back.
 */
export class World {
  readonly hostName: string
  readonly clock: VirtualClock
  readonly random: SeededRandom
  bootId: string

  readonly files = new Map<string, SimFile>()
  readonly loops = new Map<string, SimLoop>()
  readonly mappings = new Map<string, SimMapping>()
  readonly secrets = new Map<string, SimSecret>()
  readonly interfaces = new Map<string, SimInterface>()
  /** By path: who has it open, in words, for example `qemu of instance …`. */
  readonly users = new Map<string, Set<string>>()

  /** What each point takes, milliseconds of virtual time; nothing unless set. */
  latency: ((point: FaultPoint) => number) | undefined
  faults: FaultPlan = noFaults
  /** All points that were passed, in order. */
  readonly passed: FaultPoint[] = []
  /** Called right before each effect and right after it, when nothing else can have happened in between: to look, or to fork. */
  watch: ((when: 'before' | 'after', point: FaultPoint) => void) | undefined

  readonly #slots = new Map<string, unknown>()
  readonly #rebootHooks: (() => void)[] = []
  readonly #counts = { effect: 0, look: 0 }
  #inodes: number
  #dead = false
  #died = Promise.withResolvers<FaultPoint>()

  constructor(options: { readonly seed?: number; readonly hostName?: string; readonly from?: World } = {}) {
    const { from } = options
    this.clock = new VirtualClock(from?.clock.monotonic())
    this.random = from ? from.random.fork() : new SeededRandom(options.seed ?? 1)
    this.hostName = from?.hostName ?? options.hostName ?? 'compute-1'
    this.bootId = from?.bootId ?? this.random.uuid()
    this.#inodes = from ? from.#inodes : 1000
    if (from) this.#takeOver(from)
  }

  /**
   * Another world that is now exactly as this one, and has no process yet: what a process that dies at this moment leaves.
   * Neither is changed by what happens in the other. Faults are off, points are counted from 1.
   */
  fork(): World {
    return new World({ from: this })
  }

  #takeOver(from: World): void {
    const copy = copier()
    for (const name of ['files', 'loops', 'mappings', 'secrets', 'interfaces', 'users'] as const) {
      const into: Map<string, unknown> = this[name]
      for (const [key, value] of from[name]) into.set(key, copy<unknown>(value))
    }
    for (const [name, value] of from.#slots) {
      this.#slots.set(name, isForkable<World>(value) ? value.fork(this, copy) : copy(value))
    }
  }

  /** All slots by name, for those who compare worlds. */
  get slots(): ReadonlyMap<string, unknown> {
    return this.#slots
  }

  /** State of a twin that is part of the world and outlives the process: made at the first call, then the same one. */
  slot<T>(name: string, make: () => T): T {
    if (!this.#slots.has(name)) this.#slots.set(name, make())
    return this.#slots.get(name) as T
  }

  /** Changes the world: the one way for a twin. What `run` does before it first waits is atomic. Never settles once the process is dead. */
  effect<T>(name: string, run: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#pass('effect', name, run, signal)
  }

  /** Asks the world. */
  look<T>(name: string, run: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#pass('look', name, run, signal)
  }

  async #pass<T>(kind: FaultPoint['kind'], name: string, run: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    await this.#alive()
    // It may have died while this waited its turn.
    if (this.#dead) await this.#alive()
    const point = { kind, number: ++this.#counts[kind], name }
    this.passed.push(point)
    const fault = this.faults(point)
    if (this.latency) await this.clock.sleep(this.latency(point), signal)
    if (fault?.when === 'before') await this.#strike(point, fault, signal)
    const dies = fault?.when === 'after' && fault.do === 'die'
    const result = await (kind === 'effect' && (this.watch || dies) ? this.#watched(point, run, dies) : run())
    if (fault?.when === 'after') await this.#strike(point, fault, signal)
    await this.#alive()
    return result
  }

  /** Also one that is refused has an end. */
  #watched<T>(point: FaultPoint, run: () => T, dies: boolean): T {
    this.watch?.('before', point)
    try {
      return run()
    } finally {
      this.watch?.('after', point)
      if (dies) this.kill(point)
    }
  }

  async #strike(point: FaultPoint, fault: NonNullable<ReturnType<FaultPlan>>, signal?: AbortSignal): Promise<void> {
    if (fault.do === 'fail') throw fault.error
    if (fault.do === 'die') {
      this.kill(point)
      return await this.#alive()
    }
    await this.clock.sleep(HANG_MS, signal)
    throw new HoldfastError('timeout', 'timeout', `${point.name} did not answer`)
  }

  #alive(): Promise<void> {
    return this.#dead ? new Promise(() => {}) : Promise.resolve()
  }

  /** Kills the process: nothing that it had begun ever goes on. */
  kill(at: FaultPoint = { kind: 'effect', number: this.#counts.effect, name: 'killed' }): void {
    this.#dead = true
    this.clock.stop()
    this.#died.resolve(at)
  }

  /** Settles when the process dies, with where it did. */
  get died(): Promise<FaultPoint> {
    return this.#died.promise
  }

  /** A new process on the same host: waits until the dead one has come to rest. Faults are off, counting goes on. */
  async restart(): Promise<void> {
    if (!this.#dead) this.kill()
    await new Promise(resolve => setImmediate(resolve))
    this.clock.start()
    this.faults = noFaults
    this.#dead = false
    this.#died = Promise.withResolvers()
  }

  /** Power cut and boot: what lived in the kernel or in memory is gone, files stay. Ends the process too. */
  async reboot(): Promise<void> {
    this.kill()
    this.cutPower()
    await this.restart()
  }

  /** The same for a world that has no process. */
  cutPower(): void {
    for (const map of [this.loops, this.mappings, this.users]) map.clear()
    for (const [uuid, { kept }] of this.secrets) if (!kept) this.secrets.delete(uuid)
    for (const [name, { kind }] of this.interfaces) if (kind === 'tap') this.interfaces.delete(name)
    for (const hook of this.#rebootHooks) hook()
    this.bootId = this.random.uuid()
  }

  /** Called at each reboot, for twins with state in slots. */
  onReboot(hook: () => void): void {
    this.#rebootHooks.push(hook)
  }

  /** A new file, device or folder at this path, replacing what was there (tests), with an inode of its own. */
  addFile(path: string, file: Partial<Omit<SimFile, 'inode'>> = {}): SimFile {
    const made: SimFile = {
      kind: 'file',
      sizeBytes: 0,
      mode: 0o600,
      content: path,
      ...file,
      inode: `${++this.#inodes}:${this.clock.now() * 1e6}`,
    }
    this.files.set(path, made)
    return made
  }

  /** The file or device that really lies under a path: through mappings and loop devices down. */
  below(path: string): SimFile | undefined {
    const mapping = this.mappings.get(mapperName(path) ?? '')
    if (mapping) return this.below(mapping.over)
    return this.loops.get(path)?.file ?? this.files.get(path)
  }

  /** What somebody gets to see who reads this path, decrypting with this secret if one is given. */
  see(path: string, secretUuid?: string): Seen | undefined {
    const file = this.below(path)
    if (!file) return undefined
    const open = this.mappings.get(mapperName(path) ?? '')?.target === 'crypt'
    const value = secretUuid === undefined ? undefined : this.secrets.get(secretUuid)?.valueHash
    const decrypted = open || (value !== undefined && value === file.luks?.passphraseHash)
    return { content: file.content, ciphertext: file.luks !== undefined && !decrypted }
  }

  /** Who keeps a path busy: mappings over it, loop devices over the same file, whoever has it open. */
  holders(path: string): readonly string[] {
    const file = this.files.get(path)
    const mappings = [...this.mappings.values()]
      .filter(({ over, bare }) => over === path && bare !== 'created')
      .map(({ name }) => `mapping ${name}`)
    const loops = [...this.loops.values()].filter(loop => loop.file === file).map(loop => `loop device ${loop.path}`)
    return [...mappings, ...loops, ...(this.users.get(path) ?? [])]
  }

  /** Somebody opens a path and keeps it open. */
  hold(path: string, user: string): void {
    this.users.set(path, (this.users.get(path) ?? new Set()).add(user))
  }

  release(path: string, user: string): void {
    const users = this.users.get(path)
    users?.delete(user)
    if (users?.size === 0) this.users.delete(path)
    if (this.loops.get(path)?.detached && this.holders(path).length === 0) this.loops.delete(path)
  }
}

const MAPPER = '/dev/mapper/'

/** The mapping's name in a path under `/dev/mapper`. */
export const mapperName = (path: string): string | undefined =>
  path.startsWith(MAPPER) ? path.slice(MAPPER.length) : undefined

/** Passphrases are compared in the simulated world without keeping them. */
export const hashOf = (secret: Secret | Uint8Array): string =>
  createHash('sha256')
    .update(secret instanceof Uint8Array ? secret : secret.reveal())
    .digest('hex')
