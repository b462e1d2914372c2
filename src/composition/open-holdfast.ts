import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Sealer } from '#src/core/sealer.ts'
import type { Instances, Operations } from '#src/engine/api.ts'
import type { HostOperations } from '#src/engine/host-api.ts'
import type { VolumeServices } from '#src/engine/parts.ts'
import type { CloudOperations, Holdfast, HostStatus, StateOperations } from '#src/holdfast.ts'
import type { Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { lockState, type StateLock } from '#src/host/state-lock.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import type { OpenedEngine } from './engine.ts'
import { lazily, lazyVolumes, once } from './lazy.ts'
import { upkeep } from './upkeep.ts'

const DAY_MS = 86_400_000

export interface OpenOptions {
  /** `write` takes the state directory for this process alone; `read` works beside a process that writes. */
  readonly mode: 'read' | 'write'
  /** Told of things worth knowing that are no failure, such as what a dead process had left. */
  readonly onNote?: (note: string) => void
  /** Where the `OS_*` variables are looked up; the process's own unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/**
 * Opens the state of this host.
 * @throws HoldfastError `state-locked`, `forbidden`, `no-space`, `state-corrupt`, `state-newer`
 */
export async function openHoldfast(config: HoldfastConfig, options: OpenOptions): Promise<Holdfast> {
  const host = createNodeHost({ name: config.hostName })
  const lock = options.mode === 'write' ? await takeState(host, config) : undefined
  return new OpenedHoldfast(host, config, options, lock)
}

/** State that is there already is only entered; mode 0711 lets QEMU's user reach a volume's file, and list nothing. */
async function takeState(host: Host, config: HoldfastConfig): Promise<StateLock> {
  const { stateDirectory } = config
  await host.files.makeDirectory(stateDirectory, 0o711)
  return await lockState(host, stateDirectory, ['holdfast', ...process.argv.slice(2, 4)].join(' '))
}

/** Parts are made when they are first used, so that a query loads no more than it needs. */
class OpenedHoldfast implements Holdfast {
  readonly volumes: VolumeService
  readonly instances: Instances
  readonly operations: Operations
  readonly host: HostOperations
  readonly state: StateOperations
  readonly cloud: CloudOperations
  readonly #host: Host
  readonly #config: HoldfastConfig
  readonly #lock: StateLock | undefined
  readonly #closers: (() => Promise<void> | void)[] = []

  constructor(host: Host, config: HoldfastConfig, options: OpenOptions, lock: StateLock | undefined) {
    this.#host = host
    this.#config = config
    this.#lock = lock
    const embedded = lazyVolumes(() => this.#openVolumes(options))
    const clouds = lazily<CloudOperations>(async () => await this.#openClouds(options))
    const services = (cloud: string): VolumeServices => ({
      volumes: lazyVolumes(async () => (await this.#openClouds(options)).services(cloud).volumes),
      keys: lazily(async () => (await this.#openClouds(options)).services(cloud).keys),
    })
    const engine = once(() => this.#openEngine(options, embedded, services))
    const instances = lazily<Instances>(async () => (await engine()).instances)
    this.volumes = config.cloud.name === undefined ? embedded : services(config.cloud.name).volumes
    this.cloud = clouds
    this.state = lazily<StateOperations>(async () => {
      const { StateFiles } = await import('./state.ts')
      return new StateFiles(config, () => host.clock.now())
    })
    this.host = lazily<HostOperations>(async () => (await engine()).host)
    this.operations = lazily<Operations>(async () => (await engine()).operations)
    this.instances = instances
  }

  async hostStatus(): Promise<HostStatus> {
    const { hostStatus } = await import('./host-status.ts')
    return await hostStatus(this.#host, this.#config)
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.splice(0).toReversed()) await closer()
    this.#lock?.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #openVolumes({ mode, onNote }: OpenOptions): Promise<VolumeService> {
    const { openLocalVolumes } = await import('#src/volumes/local/open.ts')
    const directory = join(this.#config.stateDirectory, 'volumes')
    if (mode === 'write') await this.#host.files.makeDirectory(directory, 0o711)
    const { service, recovered } = await openLocalVolumes({
      host: this.#host,
      directory,
      keys: lazily(() => this.#openKeys(mode)),
      config: this.#config,
      hostName: this.#config.hostName,
      readOnly: mode === 'read',
    })
    this.#closers.push(() => service.close())
    if (mode === 'write') {
      const backUp = async () => service.backUp(this.#host.clock.now())
      this.#closers.push(() => upkeep('the volume database was not backed up', onNote, backUp))
    }
    for (const { kind, id, found, problem } of recovered) {
      const outcome = problem ? `it could not be settled: ${problem.message}` : 'it was settled'
      onNote?.(`${kind} ${id} was left '${found}' by a process that died; ${outcome}`)
    }
    return service
  }

  #openKeys = once(async (mode: OpenOptions['mode']) => {
    const { openLocalKeys } = await import('./keys.ts')
    return await openLocalKeys(this.#host, this.#config, mode)
  })

  #openSealer = once(async (mode: OpenOptions['mode']) => {
    const { openSealer } = await import('./keys.ts')
    return await openSealer(this.#host, this.#config, mode)
  })

  #openClouds = once(async ({ mode, onNote = () => {}, environment = process.env }: OpenOptions) => {
    const { Clouds } = await import('./clouds.ts')
    const sealer: Sealer = lazily(() => this.#openSealer(mode))
    const onClose = (closer: () => Promise<void>) => this.#closers.push(closer)
    return new Clouds({ mode, host: this.#host, config: this.#config, environment, sealer, onNote, onClose })
  })

  async #openEngine(
    { mode, onNote }: OpenOptions,
    volumes: VolumeService,
    clouds: (cloud: string) => VolumeServices,
  ): Promise<OpenedEngine> {
    const [{ openEngine }, { openSqliteStore }] = await Promise.all([
      import('./engine.ts'),
      import('#src/store/sqlite/open.ts'),
    ])
    const path = join(this.#config.stateDirectory, 'holdfast.db')
    const store = await openSqliteStore({ path, readOnly: mode === 'read' })
    this.#closers.push(() => store.close())
    if (mode === 'write') {
      const { keepDays, keepOperations: keep } = this.#config.history
      const now = () => this.#host.clock.now()
      const forget = () => store.prune({ before: now() - keepDays * DAY_MS, keep })
      this.#closers.push(() => upkeep('old history was not forgotten', onNote, forget))
      this.#closers.push(() => upkeep('the state database was not backed up', onNote, () => store.backUp(now())))
    }
    const keys = lazily(() => this.#openKeys(mode))
    return await openEngine({
      mode,
      host: this.#host,
      config: this.#config,
      store,
      volumes,
      keys,
      clouds,
      sealer: lazily(() => this.#openSealer(mode)),
      onClose: closer => this.#closers.push(closer),
    })
  }
}
