import { join } from 'node:path'
import { openEngine } from '#src/composition/engine.ts'
import { openLocalKeys } from '#src/composition/keys.ts'
import { loadConfig } from '#src/config/load-config.ts'
import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import { KeyedLock } from '#src/core/concurrency.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { NoopEncryptor } from '#src/encryptors/noop/noop-encryptor.ts'
import type { Instances, Operations } from '#src/engine/api.ts'
import { HostBounds } from '#src/engine/bounds.ts'
import { HostEngine } from '#src/engine/host/host-engine.ts'
import type { HostOperations } from '#src/engine/host-api.ts'
import { InstancesEngine } from '#src/engine/instances.ts'
import { OperationsEngine } from '#src/engine/operations.ts'
import type { Parts } from '#src/engine/parts.ts'
import { readBootId } from '#src/host/boot-id.ts'
import type { Host } from '#src/host/host.ts'
import { createNodeHost } from '#src/host/node-host.ts'
import { lockState } from '#src/host/state-lock.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import { BridgeNic } from '#src/nics/bridge/bridge-nic.ts'
import { SimNativeEncryptor } from '#src/sim/encryptor.ts'
import { openSqliteStore } from '#src/store/sqlite/open.ts'
import type { Store } from '#src/store/store.ts'
import { openLocalVolumes } from '#src/volumes/local/open.ts'
import type { Recovered } from '#src/volumes/local/recovery.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import { type Lines, tellingHost } from './lines.ts'
import { DISK, type Hypervisor } from './protocol.ts'
import { openTwin } from './twin.ts'

export const STATE = join(DISK, 'state')
export const POOL = join(STATE, 'volumes/pool')

/** Holdfast on the disk of the kills, with what the checks look at behind it. */
export interface Opened {
  readonly instances: Instances
  readonly operations: Operations
  readonly host: HostOperations
  readonly volumes: VolumeService
  readonly keys: KeyManager
  readonly store: Store
  /** What the volume service found half done. */
  readonly recovered: readonly Recovered[]
  close(): Promise<void>
}

interface Base {
  readonly host: Host
  readonly config: Awaited<ReturnType<typeof loadConfig>>
  readonly store: Store
  readonly volumes: VolumeService
  readonly keys: KeyManager
}

/**
 * As `openHoldfast` puts it together, but every effect is told of. With the twin the hypervisor is the simulated one; all
 * else (store, volume service, keys, connector, dm-crypt) is real either way.
 */
export async function openOnDisk(hypervisor: Hypervisor, lines: Lines): Promise<Opened> {
  const config = await loadConfig({ flags: { state: STATE }, env: { HOLDFAST_DOMAIN_TYPE: 'qemu' }, uid: 0 })
  const host = tellingHost(createNodeHost({ name: config.hostName }), lines)
  const directory = join(STATE, 'volumes')
  await host.files.makeDirectory(directory, 0o711)
  const lock = await lockState(host, STATE, 'kills')
  const keys = await openLocalKeys(host, config, 'write')
  const { service, recovered } = await openLocalVolumes({ host, directory, keys, config, hostName: config.hostName })
  const store = await openSqliteStore({ path: join(STATE, 'holdfast.db'), readOnly: false })
  const base = { host, config, store, volumes: service, keys }
  const closers: (() => Promise<void> | void)[] = [() => lock.release(), () => service.close(), () => store.close()]
  const engine =
    hypervisor === 'twin'
      ? await engineOverTwin(base)
      : await openEngine({ ...base, mode: 'write', onClose: closer => closers.push(closer) })
  return {
    ...engine,
    ...{ volumes: service, keys, store, recovered },
    close: async () => {
      for (const closer of closers.toReversed()) await closer()
    },
  }
}

async function engineOverTwin(base: Base) {
  const parts = await partsOverTwin(base)
  const locks = new KeyedLock()
  const operations = new OperationsEngine(parts, locks)
  const instances = new InstancesEngine(parts, operations, locks)
  const host = new HostEngine({ parts, instances, operations, locks, isBusy: async () => false })
  return { instances, operations, host }
}

async function partsOverTwin({ host, config, store, volumes, keys }: Base): Promise<Parts> {
  const { hypervisor, world } = openTwin(join(DISK, 'domains.json'))
  return {
    clock: host.clock,
    random: host.random,
    ...{ store, volumes, keys, hypervisor },
    connectors: new Map([['local', new LocalConnector(host, { pool: POOL })]]),
    encryptors: {
      'dm-crypt': new LuksEncryptor(host),
      native: new SimNativeEncryptor(world),
      none: new NoopEncryptor(),
    },
    nic: new BridgeNic(host),
    mechanisms: async () => ({ dmCrypt: true, native: false }),
    bounds: new HostBounds({ instances: 2, processors: 1, derivationMemoryBytes: 2 ** 28, io: 4 }),
    settings: {
      ...{ hostName: config.hostName, availabilityZone: config.availabilityZone, crossZoneAttach: true },
      connector: { multipath: false, platform: 'x86_64', os_type: 'linux' },
      preferredMechanism: 'dm-crypt',
      volumeBound: config.bounds.volumes,
      deadlines: {
        ...{ shutdown: 60_000, softReboot: 60_000, boot: 60_000, detach: 60_000, step: 60_000, service: 60_000 },
      },
      instancesDirectory: join(STATE, 'instances'),
      bootId: await readBootId(host),
    },
  }
}
