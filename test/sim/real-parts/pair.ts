import type { Connector } from '#src/connectors/connector.ts'
import { LocalConnector } from '#src/connectors/local/local-connector.ts'
import { isHoldfastError } from '#src/core/error.ts'
import { Secret } from '#src/core/secret.ts'
import { MIB } from '#src/core/sizes.ts'
import type { Encryptor, UnlockRequest } from '#src/encryptors/encryptor.ts'
import { LuksEncryptor } from '#src/encryptors/luks/luks-encryptor.ts'
import { BridgeNic } from '#src/nics/bridge/bridge-nic.ts'
import type { Nic, NicSpec } from '#src/nics/nic.ts'
import { SimConnector } from '#src/sim/connector.ts'
import { SimLuksEncryptor } from '#src/sim/encryptor.ts'
import { createSimHost } from '#src/sim/host.ts'
import { SimNic } from '#src/sim/nic.ts'
import { simTools } from '#src/sim/tools/tools.ts'
import { hashOf, type SimLuks, World } from '#src/sim/world.ts'
import type { Deed } from './deeds.ts'
import { behindTheBack, FOREIGN_DEVICE, SIZE, type Volume } from './events.ts'

const POOL = '/pool'
const RIGHT = new TextEncoder().encode('right')
const WRONG = new TextEncoder().encode('wrong')

interface Ports {
  readonly connector: Connector
  readonly encryptor: Encryptor
  readonly nic: Nic
}

/** A world with three volumes, and one implementation of each port over it: twins, or the real ones over simulated commands. */
export class Party {
  readonly world = new World({ seed: 7 })
  readonly volumes: readonly Volume[]
  readonly #make: (world: World) => Ports
  #parts: Ports

  constructor(kind: 'twins' | 'real') {
    this.world.addFile(POOL, { kind: 'directory' })
    this.world.addFile(FOREIGN_DEVICE, { kind: 'block', sizeBytes: SIZE })
    this.world.interfaces.set('br0', { name: 'br0', kind: 'bridge' })
    this.volumes = [undefined, 1, 2].map((version, index) => this.#volume(version as 1 | 2 | undefined, index))
    this.#make = kind === 'twins' ? twins : realOnes
    this.#parts = this.#make(this.world)
  }

  #volume(version: 1 | 2 | undefined, index: number): Volume {
    const { world } = this
    const id = world.random.uuid()
    const luks: SimLuks | undefined = version && {
      version,
      uuid: id,
      passphraseHash: hashOf(RIGHT),
      payloadOffsetBytes: (version === 2 ? 16 : 2) * MIB,
    }
    const path = `${POOL}/volume-${id}`
    const file = world.addFile(path, { sizeBytes: SIZE, content: id, luks: luks && { ...luks } })
    const data = { device_path: path, size_bytes: SIZE, access_mode: 'rw', multiattach: false, discard: false } as const
    const own = { encrypted: luks !== undefined, inode: file.inode, luks_uuid: luks?.uuid }
    const info = {
      driver_volume_type: 'local',
      volume_id: id,
      host: world.hostName,
      data: { ...data, ...own },
    } as const
    return { id, info, luks, file, tap: `tap${index}`, path: `/dev/loop${index}` }
  }

  /** What came of it, so that two parties can be compared: never who holds what in words, which are theirs. */
  async perform(deed: Deed): Promise<unknown> {
    try {
      return { answer: plain(await this.#perform(deed)) }
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      return { code: error.code, kind: error.kind }
    }
  }

  async #perform(deed: Deed): Promise<unknown> {
    const volume = this.#at(deed.volume)
    const { connector, encryptor, nic } = this.#parts
    switch (deed.do) {
      case 'connect': {
        const connected = await connector.connect(volume.info, { asBlock: true })
        volume.path = connected.source.path
        return connected
      }
      case 'disconnect':
        return await connector.disconnect(volume.info)
      case 'check-connection':
        return await connector.check(volume.info)
      case 'probe-connection':
        return await connector.probe(volume.info, { asBlock: true })
      case 'unlock':
        return await encryptor.unlock(requestOf(volume), keyOf(deed.right))
      case 'lock':
        return await encryptor.lock({ volumeId: volume.id, luksUuid: volume.luks?.uuid })
      case 'check-encryption':
        return await encryptor.check(requestOf(volume), keyOf(deed.right))
      case 'probe-encryption':
        return await encryptor.probe(requestOf(volume))
      case 'cost':
        return await encryptor.cost(requestOf(volume))
      case 'list':
        return [await connector.list(), await encryptor.list(), await nic.list()]
      case 'plug':
        return await nic.plug(nicOf(volume))
      case 'unplug':
        return await nic.unplug(nicOf(volume))
      case 'restart':
        await this.world.restart()
        this.#parts = this.#make(this.world)
        return undefined
      default:
        return behindTheBack[deed.do](this.world, volume, this.#at(deed.volume + 1))
    }
  }

  #at(index: number): Volume {
    const volume = this.volumes[index % this.volumes.length]
    if (!volume) throw new Error(`there is no volume ${index}`)
    return volume
  }

  /** What stands on the host. */
  standing(): unknown {
    const { mappings, loops, interfaces } = this.world
    return {
      mappings: [...mappings.values()]
        .map(({ name, target, dmUuid, over, sizeBytes, bare }) => [name, target, dmUuid, over, sizeBytes, bare])
        .sort(),
      loops: [...loops.values()].map(({ path, file, detached }) => [path, file.inode, detached]).sort(),
      interfaces: [...interfaces.keys()].sort(),
    }
  }
}

const twins = (world: World) => ({
  connector: new SimConnector(world),
  encryptor: new SimLuksEncryptor(world),
  nic: new SimNic(world),
})

function realOnes(world: World) {
  const host = createSimHost(world, simTools(world))
  return {
    connector: new LocalConnector(host, { pool: POOL }),
    encryptor: new LuksEncryptor(host),
    nic: new BridgeNic(host),
  }
}

const keyOf = (right: boolean): Secret => new Secret((right ? RIGHT : WRONG).slice())

const nicOf = ({ id, tap }: Volume): NicSpec => ({ portId: id, bridge: 'br0', tap, mac: '52:54:00:00:00:01' })

const requestOf = ({ id, luks, path, file }: Volume): UnlockRequest => ({
  volumeId: id,
  luksUuid: luks?.uuid,
  source: { kind: 'block', path, sizeBytes: SIZE, identity: { inode: file.inode, luksUuid: luks?.uuid } },
  encryption: luks && {
    provider: luks.version === 2 ? 'luks2' : 'luks',
    controlLocation: 'front-end',
    cipher: 'aes-xts-plain64',
    keySize: 512,
    keyId: id,
  },
})

/** Without what is undefined, and with holders only counted as some or none. */
const plain = (answer: unknown): unknown =>
  answer === undefined
    ? 'nothing'
    : JSON.parse(JSON.stringify(answer, (name, value) => (name === 'holders' ? value.length > 0 : value)))
