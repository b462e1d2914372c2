import { SimCloud } from '#src/sim/cloud/cloud.ts'
import { World } from '#src/sim/world.ts'
import { CloudRig } from '#test/sim/cloud/rig.ts'
import { Rig } from '#test/sim/rig.ts'

/**
 * How the volumes of a scene are opened: by the kernel, by QEMU, not at all, or the first by the kernel and the second not at
 * all. `cloud`, `cloud-legacy`: images of Ceph from a simulated cloud, the first encrypted and the second not, attached by
 * Cinder's attachments or by its older verbs.
 */
export const MECHANISMS = ['dm-crypt', 'native', 'plain', 'mixed', 'cloud', 'cloud-legacy'] as const
export type Mechanism = (typeof MECHANISMS)[number]

/** Those of the embedded volume service. */
export const EMBEDDED: readonly Mechanism[] = ['dm-crypt', 'native', 'plain', 'mixed']

/** What an operation works on: a running instance with two volumes, and a volume beside it. */
export interface Cast {
  readonly mechanism: Mechanism
  readonly id: string
  /** In the instance. */
  readonly volumes: readonly [string, string]
  /** Not attached. */
  readonly spare: string
}

export interface Scene extends Cast {
  readonly rig: Rig
}

const PROVIDERS = {
  'dm-crypt': ['luks2', 'luks2'],
  native: ['luks', 'luks'],
  plain: [undefined, undefined],
  mixed: ['luks2', undefined],
  cloud: ['luks', undefined],
  'cloud-legacy': ['luks', undefined],
} as const

/** Greatest microversion of Cinder. */
const VOLUME_API: Partial<Record<Mechanism, string>> = { cloud: '3.70', 'cloud-legacy': '3.27' }

function rigFor(mechanism: Mechanism, world?: World): Rig {
  const volumeApi = VOLUME_API[mechanism]
  if (volumeApi === undefined) return new Rig({ ...(world && { world }), dmCrypt: mechanism !== 'native' })
  if (world) return new CloudRig({ world })
  const fresh = new World({ seed: 1 })
  new SimCloud(fresh, { volumeApi })
  return new CloudRig({ world: fresh })
}

export async function openScene(mechanism: Mechanism): Promise<Scene> {
  const rig = rigFor(mechanism)
  const [first, second] = PROVIDERS[mechanism]
  const volumes = [await rig.volume(first), await rig.volume(second)] as const
  const spare = await rig.volume(first)
  return { rig, mechanism, id: await rig.instance('web', volumes), volumes, spare }
}

/** A process on this world; nobody else uses the world from here on. */
export const processOn = (world: World, cast: Cast): Scene => ({
  ...cast,
  rig: rigFor(cast.mechanism, world),
})

/** All that is done with this volume takes its time, so that what goes on beside it is ahead of it. */
export function slowDown({ rig, volumes }: Scene, index: number | undefined): void {
  const slow = index === undefined ? undefined : volumes[index]
  if (slow !== undefined) rig.world.latency = ({ name }) => (name.includes(slow) ? SLOW_MS : 0)
}

/** Well below every deadline, well above what the rest takes. */
const SLOW_MS = 1000

/** Volumes of an instance are worked on side by side: in the usual order, and with each of them behind the others. */
export const SCHEDULES: readonly (number | undefined)[] = [undefined, 0, 1]
