import type { BlockDeviceMapping, InstanceRecord, InterfaceRecord } from '#src/store/records.ts'
import type { CreateInstance } from './api.ts'
import { nextTarget } from './domain-spec.ts'
import { type Parts, servicesOf } from './parts.ts'

/** Whose volumes those are that a request names, and how they are attached. */
export type Placement = Pick<BlockDeviceMapping, 'cloud' | 'generation'>

export async function placementOf(parts: Pick<Parts, 'volumes' | 'keys' | 'clouds' | 'cloud'>): Promise<Placement> {
  const { cloud } = parts
  if (cloud === undefined) return {}
  return { cloud, generation: await servicesOf(parts, cloud).volumes.generation() }
}

/** The rows of an instance that is to be created. The volume that is booted from gets the first target. */
export function newInstance(
  { clock, random, settings }: Pick<Parts, 'clock' | 'random' | 'settings'>,
  request: CreateInstance,
  placement: Placement,
): { instance: InstanceRecord; mappings: readonly BlockDeviceMapping[] } {
  const id = random.uuid()
  const instance: InstanceRecord = {
    id,
    name: request.name,
    availabilityZone: settings.availabilityZone,
    memoryMib: request.memoryMib,
    cpus: request.cpus,
    kernel: request.kernel,
    interfaces: request.networks.map(network => newInterface(random, network)),
    status: 'BUILD',
    wanted: 'running',
    priority: request.priority ?? 0,
    createdAt: clock.now(),
    version: 1,
  }
  const used = new Set<string>()
  const bootFirst = request.volumes.toSorted((a, b) => Number(b.boot === true) - Number(a.boot === true))
  const mappings = bootFirst.map((volume): BlockDeviceMapping => {
    const target = nextTarget(used)
    used.add(target)
    return {
      id: random.uuid(),
      instanceId: id,
      volumeId: volume.volumeId,
      target,
      bootIndex: volume.boot ? 0 : undefined,
      deleteOnTermination: volume.deleteOnTermination === true,
      ...placement,
      version: 1,
    }
  })
  return { instance, mappings }
}

/** Tap names follow Neutron's: `tap` and the first 11 characters of the port id, 14 in all (the kernel takes 15). */
function newInterface(
  random: Parts['random'],
  network: { readonly bridge: string; readonly mac?: string | undefined },
): InterfaceRecord {
  const portId = random.uuid()
  return { portId, bridge: network.bridge, mac: network.mac ?? newMac(random), tap: `tap${portId.slice(0, 11)}` }
}

/** In the range that QEMU uses for its guests. */
const newMac = (random: Parts['random']): string =>
  ['52', '54', '00', ...[...random.bytes(3)].map(byte => byte.toString(16).padStart(2, '0'))].join(':')
