import { join } from 'node:path'
import { systemClock } from '#src/core/clock.ts'
import { KeyedLock } from '#src/core/concurrency.ts'
import { systemRandom } from '#src/core/random.ts'
import { NoopEncryptor } from '#src/encryptors/noop/noop-encryptor.ts'
import type { Observer } from '#src/engine/api.ts'
import { HostBounds } from '#src/engine/bounds.ts'
import { InstancesEngine } from '#src/engine/instances.ts'
import { OperationsEngine } from '#src/engine/operations.ts'
import type { Parts } from '#src/engine/parts.ts'
import { SimConnector } from '#src/sim/connector.ts'
import { SimLuksEncryptor, SimNativeEncryptor } from '#src/sim/encryptor.ts'
import { SimHypervisor } from '#src/sim/hypervisor.ts'
import { SimKeyManager } from '#src/sim/key-manager.ts'
import { SimNic } from '#src/sim/nic.ts'
import { SimVolumeService } from '#src/sim/volume-service.ts'
import { World } from '#src/sim/world.ts'
import { openSqliteStore } from '#src/store/sqlite/open.ts'
import type { Store, Write } from '#src/store/store.ts'

export const VOLUMES = 16
const BOUND = 4
const SECOND = 1000
const KERNEL = '/boot/vmlinuz'

/**
 * The engine on a host where every layer answers at once, so that what is left to measure is the engine itself and
 * the store, which is the real one on the real disk.
 */
export class SimulatedHost implements AsyncDisposable {
  readonly store: Store
  readonly #engine: InstancesEngine
  readonly #volumes: SimVolumeService
  #instance = ''
  #ids: string[] = []

  private constructor(store: Store, engine: InstancesEngine, volumes: SimVolumeService) {
    this.store = store
    this.#engine = engine
    this.#volumes = volumes
  }

  /** With one running instance and its volumes beside it, none attached yet. */
  static async open(directory: string, name: string): Promise<SimulatedHost> {
    const store = await openSqliteStore({ path: join(directory, `${name}.db`) })
    const parts = simulatedParts(store)
    const locks = new KeyedLock()
    const engine = new InstancesEngine(parts, new OperationsEngine(parts, locks), locks)
    const host = new SimulatedHost(store, engine, parts.volumes)
    await host.#prepare()
    return host
  }

  async #prepare(): Promise<void> {
    const kernel = { image: KERNEL }
    const request = { name: 'measured', memoryMib: 512, cpus: 1, volumes: [], networks: [], kernel }
    this.#instance = (await this.#engine.create(request)).id
    const encryption = {
      provider: 'luks2',
      cipher: 'aes-xts-plain64',
      keySize: 512,
      controlLocation: 'front-end',
    } as const
    await this.#volumes.createVolumeType({ name: 'encrypted', encryption })
    for (let n = 0; n < VOLUMES; n++) {
      this.#ids.push((await this.#volumes.create({ size: 1, volumeType: 'encrypted' })).id)
    }
  }

  /** Attaches all the volumes, reboots hard, detaches them all: one function for each operation, to be run in order. */
  life(observer: Observer = () => {}): readonly (() => Promise<unknown>)[] {
    const [engine, instance] = [this.#engine, this.#instance]
    return [
      ...this.#ids.map(id => () => engine.attach(instance, id, { observer })),
      () => engine.hardReboot(instance, { observer }),
      ...this.#ids.map(id => () => engine.detach(instance, id, { observer })),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
  }
}

function simulatedParts(store: Store): Parts & { readonly volumes: SimVolumeService } {
  const world = new World()
  world.addFile(KERNEL)
  const keys = new SimKeyManager(world)
  return {
    clock: systemClock,
    random: systemRandom,
    store,
    keys,
    volumes: new SimVolumeService(world, { keys }),
    connectors: new Map([['local', new SimConnector(world)]]),
    encryptors: {
      none: new NoopEncryptor(),
      'dm-crypt': new SimLuksEncryptor(world),
      native: new SimNativeEncryptor(world),
    },
    hypervisor: new SimHypervisor(world),
    nic: new SimNic(world),
    mechanisms: async () => ({ dmCrypt: true, native: true }),
    bounds: new HostBounds({ instances: 16, processors: 2, derivationMemoryBytes: 2 ** 31, io: 8 }),
    settings: {
      hostName: world.hostName,
      connector: { multipath: false, platform: 'x86_64', os_type: 'linux' },
      availabilityZone: 'nova',
      crossZoneAttach: true,
      preferredMechanism: 'dm-crypt',
      volumeBound: BOUND,
      deadlines: {
        shutdown: 60 * SECOND,
        softReboot: 60 * SECOND,
        boot: 60 * SECOND,
        detach: 60 * SECOND,
        step: 60 * SECOND,
        service: 60 * SECOND,
      },
      instancesDirectory: '/var/lib/holdfast/instances',
      bootId: world.bootId,
    },
  }
}

/** More instances in the store, each with two volumes and a finished operation of ten steps. */
export async function addInstances(store: Store, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await store.commit(otherInstance(n))
}

function otherInstance(n: number): readonly Write[] {
  const id = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
  const operationId = `00000000-0000-4000-a000-${n.toString(16).padStart(12, '0')}`
  const mapping = (target: string) => ({
    put: 'mapping' as const,
    row: {
      id: `${id}-${target}`,
      instanceId: id,
      volumeId: `${id}-${target}`,
      target,
      deleteOnTermination: false,
      version: 1,
    },
  })
  const entry = (step: number, event: 'started' | 'done') => ({
    put: 'entry' as const,
    row: { operationId, step, event, action: 'connect', subject: id, at: n },
  })
  return [
    {
      put: 'instance',
      row: {
        id,
        name: `other-${n}`,
        availabilityZone: 'nova',
        memoryMib: 512,
        cpus: 1,
        interfaces: [],
        status: 'ACTIVE',
        wanted: 'running',
        priority: 0,
        createdAt: n,
        version: 1,
      },
    },
    mapping('vda'),
    mapping('vdb'),
    {
      put: 'operation',
      row: {
        id: operationId,
        kind: 'create',
        instanceId: id,
        instanceName: `other-${n}`,
        state: 'done',
        bootId: '0',
        startedAt: n,
        finishedAt: n,
        version: 1,
      },
    },
    ...Array.from({ length: 10 }, (_, step) => [entry(step, 'started'), entry(step, 'done')]).flat(),
  ]
}
