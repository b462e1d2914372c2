import type { World } from '#src/sim/world.ts'
import { Rig } from '#test/sim/rig.ts'

/** How the volumes of a scene are opened: by the kernel, by QEMU, not at all, or the first by the kernel and the second not at all. */
export const MECHANISMS = ['dm-crypt', 'native', 'plain', 'mixed'] as const
export type Mechanism = (typeof MECHANISMS)[number]

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
} as const

export async function openScene(mechanism: Mechanism): Promise<Scene> {
  const rig = new Rig({ dmCrypt: mechanism !== 'native' })
  const [first, second] = PROVIDERS[mechanism]
  const volumes = [await rig.volume(first), await rig.volume(second)] as const
  const spare = await rig.volume(first)
  return { rig, mechanism, id: await rig.instance('web', volumes), volumes, spare }
}

/** A process on this world; nobody else uses the world from here on. */
export const processOn = (world: World, cast: Cast): Scene => ({
  ...cast,
  rig: new Rig({ world, dmCrypt: cast.mechanism !== 'native' }),
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
