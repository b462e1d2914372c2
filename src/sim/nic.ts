import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Nic, NicSpec } from '#src/nics/nic.ts'
import type { World } from './world.ts'

/** The twin of Linux bridges. */
export class SimNic implements Nic {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async check({ bridge }: NicSpec, signal?: AbortSignal): Promise<void> {
    const found = await this.#world.look(`sysfs ${bridge}`, () => this.#world.interfaces.get(bridge), signal)
    if (found?.kind === 'bridge') return
    throw new HoldfastError('not-found', 'bridge-not-found', `there is no bridge '${bridge}' on this host`)
  }

  async plug(nic: NicSpec, signal?: AbortSignal): Promise<Change> {
    await this.check(nic, signal)
    return 'already'
  }

  async unplug({ tap }: NicSpec, signal?: AbortSignal): Promise<Change> {
    const { interfaces } = this.#world
    const found = await this.#world.look(`sysfs ${tap}`, () => interfaces.get(tap), signal)
    if (!found) return 'already'
    if (found.kind !== 'tap') {
      throw new HoldfastError(
        'unsafe',
        'interface-foreign',
        `network interface '${tap}' is not a tap; it is left alone`,
      )
    }
    await this.#world.effect(`ip link delete ${tap}`, () => interfaces.delete(tap), signal)
    return 'made'
  }
}
