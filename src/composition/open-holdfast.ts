import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Instances, Operations } from '#src/engine/api.ts'
import type { HostOperations } from '#src/engine/host-api.ts'
import type { Holdfast, HostStatus, StateOperations } from '#src/holdfast.ts'
import type { Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { lockState, type StateLock } from '#src/host/state-lock.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import { lazily, once } from './lazy.ts'
import { upkeep } from './upkeep.ts'

const DAY_MS = 86_400_000

export interface OpenOptions {
  /** `write` takes the state directory for this process alone; `read` works beside a process that writes. */
  readonly mode: 'read' | 'write'
  /** Told of things worth knowing that are no failure, such as what a dead process had left. */
  readonly onNote?: (note: string) => void
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
  readonly #host: Host
  readonly #config: HoldfastConfig
  readonly #lock: StateLock | undefined
  readonly #closers: (() => Promise<void> | void)[] = []

  constructor(host: Host, config: HoldfastConfig, options: OpenOptions, lock: StateLock | undefined) {
    this.#host = host
    this.#config = config
    this.#lock = lock
    const volumes = lazily(() => this.#openVolumes(options))
    const engine = once(() => this.#openEngine(options, volumes))
    const instances = lazily<Instances>(async () => (await engine()).instances)
    this.volumes = volumes
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

  async #openEngine({ mode, onNote }: OpenOptions, volumes: VolumeService) {
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
      onClose: closer => this.#closers.push(closer),
    })
  }
}
