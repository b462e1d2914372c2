import { KeyedLock } from '#src/core/concurrency.ts'
import { HoldfastError } from '#src/core/error.ts'
import { NoopEncryptor } from '#src/encryptors/noop/noop-encryptor.ts'
import type { CreateInstance } from '#src/engine/api.ts'
import { HostBounds } from '#src/engine/bounds.ts'
import { HostEngine } from '#src/engine/host/host-engine.ts'
import { InstancesEngine } from '#src/engine/instances.ts'
import { OperationsEngine } from '#src/engine/operations.ts'
import type { Parts } from '#src/engine/parts.ts'
import { SimConnector } from '#src/sim/connector.ts'
import { SimLuksEncryptor, SimNativeEncryptor } from '#src/sim/encryptor.ts'
import { noFaults } from '#src/sim/faults.ts'
import { SimHypervisor, simLibvirt } from '#src/sim/hypervisor.ts'
import { SimKeyManager } from '#src/sim/key-manager.ts'
import { SimNic } from '#src/sim/nic.ts'
import { openSimStore } from '#src/sim/store.ts'
import { SimVolumeService } from '#src/sim/volume-service.ts'
import { World } from '#src/sim/world.ts'
import type { Store } from '#src/store/store.ts'

export const GRACE_MS = 60_000
export const POOL = '/pool'

/** One process of Holdfast on a simulated host; `restart` gives the next one. */
export class Rig {
  readonly world: World
  readonly dmCrypt: boolean
  readonly #store: Store | undefined
  parts!: Parts
  keys!: SimKeyManager
  instances!: InstancesEngine
  operations!: OperationsEngine
  host!: HostEngine

  /** `store`: in place of the simulated one. `world`: one that has its bridge and kernel already, such as a fork. */
  constructor(options: { seed?: number; dmCrypt?: boolean; store?: Store; world?: World } = {}) {
    this.world = options.world ?? new World({ seed: options.seed ?? 1 })
    this.dmCrypt = options.dmCrypt ?? true
    this.#store = options.store
    if (!this.world.interfaces.has('br0')) this.world.interfaces.set('br0', { name: 'br0', kind: 'bridge' })
    if (!this.world.files.has('/boot/vmlinuz')) this.world.addFile('/boot/vmlinuz')
    this.open()
  }

  /** A new process over what the world has. */
  open(): void {
    const { world } = this
    this.keys = new SimKeyManager(world)
    this.parts = {
      clock: world.clock,
      random: world.random,
      store: this.#store ?? openSimStore(world),
      volumes: new SimVolumeService(world, { keys: this.keys, pool: POOL }),
      keys: this.keys,
      connectors: new Map([['local', new SimConnector(world)]]),
      encryptors: {
        'dm-crypt': new SimLuksEncryptor(world),
        native: new SimNativeEncryptor(world),
        none: new NoopEncryptor(),
      },
      hypervisor: new SimHypervisor(world),
      nic: new SimNic(world),
      mechanisms: async () => ({ dmCrypt: this.dmCrypt, native: true }),
      bounds: new HostBounds({ instances: 16, processors: 2, derivationMemoryBytes: 2 ** 31, io: 8 }),
      settings: {
        hostName: world.hostName,
        connector: { multipath: false, platform: 'x86_64', os_type: 'linux' },
        availabilityZone: 'nova',
        crossZoneAttach: true,
        preferredMechanism: 'dm-crypt',
        volumeBound: 4,
        deadlines: {
          shutdown: GRACE_MS,
          softReboot: 120_000,
          boot: 120_000,
          detach: 160_000,
          step: 60_000,
          service: 30_000,
        },
        instancesDirectory: '/state/instances',
        bootId: world.bootId,
      },
    }
    const locks = new KeyedLock()
    this.operations = new OperationsEngine(this.parts, locks)
    this.instances = new InstancesEngine(this.parts, this.operations, locks)
    const { parts, instances, operations } = this
    this.host = new HostEngine({ parts, instances, operations, locks, isBusy: async () => false })
  }

  /** Until `allWell`, what is asked of the key manager fails. */
  keysAway(): void {
    const error = new HoldfastError('unavailable', 'key-manager-unavailable', 'the key manager does not answer')
    this.world.faults = ({ name }) => (name.startsWith('keys ') ? { when: 'before', do: 'fail', error } : undefined)
  }

  allWell(): void {
    this.world.faults = noFaults
  }

  get libvirt() {
    return simLibvirt(this.world)
  }

  /** The process is killed, another begins. */
  async restart(): Promise<void> {
    await this.world.restart()
    this.open()
  }

  /** The power is cut, the host boots, another process begins. */
  async reboot(): Promise<void> {
    await this.world.reboot()
    this.open()
  }

  /** A volume of a type of this provider, or a plain one; gives its id. */
  async volume(provider?: 'luks' | 'luks2', request: { multiattach?: boolean } = {}): Promise<string> {
    const { volumes } = this.parts
    if (provider && !(await volumes.getAllVolumeTypes()).some(type => type.name === provider)) {
      const encryption = { provider, cipher: 'aes-xts-plain64', keySize: 512, controlLocation: 'front-end' } as const
      await volumes.createVolumeType({ name: provider, encryption })
    }
    return (await volumes.create({ size: 1, volumeType: provider, ...request })).id
  }

  /** A running instance with these volumes; gives its id. */
  async instance(name: string, volumes: readonly string[], more: Partial<CreateInstance> = {}): Promise<string> {
    const { id } = await this.instances.create({
      name,
      memoryMib: 64,
      cpus: 1,
      volumes: volumes.map(volumeId => ({ volumeId })),
      kernel: { image: '/boot/vmlinuz' },
      networks: [{ bridge: 'br0' }],
      ...more,
    })
    return id
  }

  /** What no guest may ever have seen: ciphertext, or another volume's data (I1, I2). */
  badSights(): readonly string[] {
    return this.libvirt.sights
      .filter(({ volumeId, seen }) => seen === undefined || seen.ciphertext || seen.content !== volumeId)
      .map(({ instanceId, volumeId, seen }) => `${instanceId} saw ${JSON.stringify(seen)} as ${volumeId}`)
  }

  /** Everything on the host that a volume or an instance made: nothing may be left of one that is gone. */
  traces(): readonly string[] {
    const { world, libvirt } = this
    return [
      ...[...world.mappings.keys()].map(name => `mapping ${name}`),
      ...[...world.loops.keys()].map(path => `loop device ${path}`),
      ...[...world.secrets.values()].filter(({ kept }) => !kept).map(({ uuid }) => `secret ${uuid}`),
      ...[...world.interfaces.values()].filter(nic => nic.kind === 'tap').map(nic => `tap ${nic.name}`),
      ...[...libvirt.domains.keys()].map(id => `domain ${id}`),
    ]
  }
}
