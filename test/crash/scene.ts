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
