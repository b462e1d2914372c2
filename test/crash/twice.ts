import type { Connector } from '#src/connectors/connector.ts'
import type { Encryptor } from '#src/encryptors/encryptor.ts'
import type { Parts, VolumeServices } from '#src/engine/parts.ts'
import type { Hypervisor } from '#src/hypervisor/hypervisor.ts'
import type { Nic } from '#src/nics/nic.ts'
import type { VolumeService } from '#src/volumes/volume-service.ts'
import type { Explored } from './catalogue.ts'
import { describe } from './fingerprint.ts'
import { checkRecovered } from './recovery.ts'
import { type Mechanism, openScene, processOn, type Scene } from './scene.ts'

type Verbs<Port> = Readonly<{ [K in keyof Port as Port[K] extends (...args: never[]) => unknown ? K : never]: Verb }>
/** `twice`: idempotent, so it may be called again. `look`: changes nothing. Else why it may not be called twice in a row. */
type Verb = 'twice' | 'look' | { readonly once: string }

const once = (why: string): Verb => ({ once: why })
const SERVICE = once('not used by the engine; the volume service has its own tests')

/** The compiler demands a word on every verb. */
const CONNECTOR: Verbs<Connector> = {
  check: 'look',
  connect: 'twice',
  disconnect: 'twice',
  probe: 'look',
  list: 'look',
  remove: 'twice',
}
const ENCRYPTOR: Verbs<Encryptor> = {
  check: 'look',
  unlock: 'twice',
  lock: 'twice',
  probe: 'look',
  cost: 'look',
  list: 'look',
}
const NIC: Verbs<Nic> = { check: 'look', plug: 'twice', unplug: 'twice', list: 'look' }
const HYPERVISOR: Verbs<Hypervisor> = {
  abilities: 'look',
  observe: 'look',
  list: 'look',
  check: 'look',
  define: 'twice',
  start: 'twice',
  waitRunning: 'look',
  shutdown: 'twice',
  reboot: 'twice',
  destroy: 'twice',
  undefine: 'twice',
  present: 'twice',
  withdraw: 'twice',
  resize: 'twice',
}
const VOLUMES: Verbs<VolumeService> = {
  generation: 'look',
  get: 'look',
  getAll: 'look',
  list: 'look',
  settled: 'look',
  snapshotSettled: 'look',
  create: SERVICE,
  delete: once('the second time there is no such volume, and it says so'),
  extend: SERVICE,
  reserveVolume: SERVICE,
  unreserveVolume: SERVICE,
  beginDetaching: once('the second time the volume is detaching, which is refused: it may be for somebody else'),
  rollDetaching: 'twice',
  initializeConnection: SERVICE,
  terminateConnection: SERVICE,
  attach: SERVICE,
  detach: SERVICE,
  attachmentCreate: once('each call makes an attachment; one whose answer was lost is found by instance and volume'),
  attachmentGet: 'look',
  attachmentGetAll: 'look',
  attachmentUpdate: 'twice',
  attachmentComplete: 'twice',
  attachmentDelete: 'twice',
  getSnapshot: 'look',
  getAllSnapshots: 'look',
  createSnapshot: SERVICE,
  deleteSnapshot: SERVICE,
  updateSnapshotStatus: SERVICE,
  getAllVolumeTypes: 'look',
  createVolumeType: SERVICE,
  deleteVolumeType: SERVICE,
  getVolumeEncryptionMetadata: 'look',
  getAbsoluteLimits: 'look',
  migrateVolumeCompletion: SERVICE,
  reimageVolume: SERVICE,
}

/** The port with every idempotent verb called a second time right after the first; the second answer counts. */
function twice<Port extends object>(port: Port, verbs: Verbs<Port>, called: () => void): Port {
  const table: Readonly<Record<PropertyKey, Verb | undefined>> = { ...verbs }
  return new Proxy(port, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      if (table[key] !== 'twice') return value.bind(target)
      return async (...args: unknown[]) => {
        await value.apply(target, args)
        called()
        return await value.apply(target, args)
      }
    },
  })
}

export function twiceParts(parts: Parts, called: () => void): Partial<Parts> {
  const { clouds } = parts
  const encryptor = (one: Encryptor) => twice(one, ENCRYPTOR, called)
  return {
    connectors: new Map([...parts.connectors].map(([name, one]) => [name, twice(one, CONNECTOR, called)])),
    encryptors: {
      none: encryptor(parts.encryptors.none),
      native: encryptor(parts.encryptors.native),
      'dm-crypt': encryptor(parts.encryptors['dm-crypt']),
    },
    hypervisor: twice(parts.hypervisor, HYPERVISOR, called),
    nic: twice(parts.nic, NIC, called),
    volumes: twice(parts.volumes, VOLUMES, called),
    clouds: clouds && (name => twiceServices(clouds(name), called)),
  }
}

const twiceServices = ({ volumes, keys }: VolumeServices, called: () => void): VolumeServices => ({
  volumes: twice(volumes, VOLUMES, called),
  keys,
})

/** Whether an operation ends the same if every idempotent verb is called twice (I3). `points`: how many were. */
export async function exploreTwice(
  mechanism: Mechanism,
  operation: Explored,
): Promise<{ readonly points: number; readonly told: readonly string[] }> {
  const cast = await openScene(mechanism)
  const begin = cast.rig.world.fork()
  await operation.prepare?.(processOn(begin, cast))
  const plain = processOn(begin.fork(), cast)
  const doubled: Scene = processOn(begin.fork(), cast)
  let points = 0
  Object.assign(
    doubled.rig.parts,
    twiceParts(doubled.rig.parts, () => points++),
  )
  await operation.run(plain)
  try {
    await operation.run(doubled)
  } catch (error) {
    return {
      points,
      told: [`I3 with every verb called twice it fails: ${error instanceof Error ? error.message : error}`],
    }
  }
  const [wanted, found] = [describe(plain.rig.world).split('\n'), describe(doubled.rig.world).split('\n')]
  const differing = found.filter(line => !wanted.includes(line)).map(line => `I3 with every verb called twice: ${line}`)
  return { points, told: [...differing, ...checkRecovered(doubled)] }
}
