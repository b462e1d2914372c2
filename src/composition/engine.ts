import { join } from 'node:path'
import type { HoldfastConfig } from '#src/config/holdfast-config.ts'
import type { Connector } from '#src/connectors/connector.ts'
import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import { RbdConnector } from '#src/connectors/rbd/rbd-connector.ts'
import { KeyedLock } from '#src/core/concurrency.ts'
import type { ConnectionInfo } from '#src/core/connection-info.ts'
import type { Sealer } from '#src/core/sealer.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { NativeEncryptor } from '#src/encryptors/native/native-encryptor.ts'
import { NoopEncryptor } from '#src/encryptors/noop/noop-encryptor.ts'
import type { Instances, Operations } from '#src/engine/api.ts'
import { HostBounds } from '#src/engine/bounds.ts'
import { HostEngine } from '#src/engine/host/host-engine.ts'
import type { HostOperations } from '#src/engine/host-api.ts'
import { InstancesEngine } from '#src/engine/instances.ts'
import { OperationsEngine } from '#src/engine/operations.ts'
import type { Parts } from '#src/engine/parts.ts'
import { dmCryptAbility } from '#src/host/abilities.ts'
import { readBootId } from '#src/host/boot-id.ts'
import { CephKeys } from '#src/host/ceph/keys.ts'
import { RbdImages } from '#src/host/ceph/rbd-images.ts'
import type { Host } from '#src/host/host.ts'
import { RbdHeads } from '#src/host/source-head.ts'
import { isStateLocked } from '#src/host/state-lock.ts'
import type { Hypervisor } from '#src/hypervisor/hypervisor.ts'
import { LibvirtHypervisor } from '#src/hypervisor/libvirt/libvirt-hypervisor.ts'
import type { KeyManager } from '#src/keys/key-manager.ts'
import { Libvirt, LibvirtSecrets, readSecretValue } from '#src/libvirt/index.ts'
import { BridgeNic } from '#src/nics/bridge/bridge-nic.ts'
import type { Store } from '#src/store/store.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import { connectorProperties } from './connector-properties.ts'
import { findDomainType } from './domain-type.ts'
import { lazily, once } from './lazy.ts'

export interface EngineNeeds {
  readonly mode: 'read' | 'write'
  readonly host: Host
  readonly config: HoldfastConfig
  readonly store: Store
  readonly volumes: VolumeService
  readonly keys: KeyManager
  readonly clouds?: Parts['clouds']
  readonly sealer?: Sealer
  /** Called when the state is closed. */
  readonly onClose: (closer: () => Promise<void>) => void
}

export interface OpenedEngine {
  readonly instances: Instances
  readonly operations: Operations
  readonly host: HostOperations
}

/** The engine over the real parts of this host. */
export async function openEngine(needs: EngineNeeds): Promise<OpenedEngine> {
  const parts = await realParts(needs)
  const locks = new KeyedLock()
  const operations = new OperationsEngine(parts, locks)
  const instances = new InstancesEngine(parts, operations, locks)
  const isBusy = async () => needs.mode === 'read' && (await isStateLocked(needs.host, needs.config.stateDirectory))
  return { operations, instances, host: new HostEngine({ parts, instances, operations, locks, isBusy }) }
}

async function realParts({ host, config, store, volumes, keys, clouds, sealer, onClose }: EngineNeeds): Promise<Parts> {
  const libvirt = new Libvirt({ socketPath: config.libvirtSocket, deadlineMs: config.deadlines.commands * 1000 })
  onClose(() => libvirt.close())
  const hypervisor = lazily<Hypervisor>(
    async () => new LibvirtHypervisor({ host, libvirt, domainType: await findDomainType(host, config) }),
  )
  const cephSecrets = new LibvirtSecrets(libvirt, 'ceph')
  const readSecret = (uuid: string, signal?: AbortSignal) => readSecretValue(libvirt, uuid, signal)
  const cephKeys = new CephKeys(host, { folder: config.ceph.folder, sealer, readSecret })
  const images = new RbdImages(host, cephKeys)
  return {
    clock: host.clock,
    random: host.random,
    store,
    volumes,
    keys,
    clouds,
    cloud: config.cloud.name,
    connectors: new Map<ConnectionInfo['driver_volume_type'], Connector>([
      ['local', new LocalConnector(host, { pool: join(config.stateDirectory, 'volumes/pool') })],
      ['rbd', new RbdConnector(host, { secrets: cephSecrets, keys: cephKeys, images, pools: config.cloud.rbdPools })],
    ]),
    encryptors: {
      'dm-crypt': new LuksEncryptor(host),
      native: new NativeEncryptor(host, new LibvirtSecrets(libvirt, 'volume'), new RbdHeads(images)),
      none: new NoopEncryptor(),
    },
    hypervisor,
    nic: new BridgeNic(host),
    mechanisms: once(async () => ({ dmCrypt: (await dmCryptAbility(host)).available, native: true })),
    bounds: new HostBounds({
      instances: config.bounds.instances,
      processors: config.bounds.processors,
      derivationMemoryBytes: config.bounds.keyDerivationMemoryMib * 2 ** 20,
      io: config.bounds.io,
    }),
    settings: {
      hostName: config.hostName,
      connector: await connectorProperties(host, config),
      availabilityZone: config.availabilityZone,
      crossZoneAttach: config.crossZoneAttach,
      preferredMechanism: config.encryption.prefer,
      volumeBound: config.bounds.volumes,
      deadlines: {
        shutdown: config.deadlines.shutdown * 1000,
        softReboot: config.deadlines.softReboot * 1000,
        boot: config.deadlines.boot * 1000,
        detach: config.deadlines.detach * 1000,
        step: config.deadlines.commands * 1000,
        service: config.deadlines.services * 1000,
      },
      instancesDirectory: join(config.stateDirectory, 'instances'),
      bootId: await readBootId(host),
    },
  }
}
