import type { Change } from '#src/core/change.ts'
import { HoldfastError } from '#src/core/error.ts'
import type { Nic, NicSpec, TapFacts } from '#src/nics/nic.ts'
import type { World } from './world.ts'

const INTERFACE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/

/** The simulated twin of interfaces on a Linux bridge. The hypervisor's twin makes the taps. */
export class SimNic implements Nic {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async check(nic: NicSpec, signal?: AbortSignal): Promise<void> {
    await this.#world.look(`nic check ${nic.portId}`, () => this.#check(nic), signal)
  }

  #check(nic: NicSpec): void {
    checkNames(nic)
    const { interfaces } = this.#world
    if (interfaces.get(nic.bridge)?.kind !== 'bridge') {
      throw new HoldfastError('not-found', 'bridge-not-found', `there is no bridge ${nic.bridge}`)
    }
    if ((interfaces.get(nic.tap)?.kind ?? 'tap') !== 'tap') {
      throw new HoldfastError('conflict', 'interface-foreign', `network interface ${nic.tap} is there and is no tap`)
    }
  }

  async plug(nic: NicSpec, signal?: AbortSignal): Promise<Change> {
    await this.check(nic, signal)
    return 'already'
  }

  async unplug(nic: NicSpec, signal?: AbortSignal): Promise<Change> {
    const { interfaces } = this.#world
    const standing = () => {
      checkNames(nic)
      return interfaces.get(nic.tap)?.kind === 'tap'
    }
    if (!(await this.#world.look(`nic find ${nic.portId}`, standing, signal))) return 'already'
    const remove = () => (interfaces.delete(nic.tap) ? 'made' : 'already')
    return await this.#world.effect(`ip link delete ${nic.tap}`, remove, signal)
  }

  list(signal?: AbortSignal): Promise<readonly TapFacts[]> {
    const taps = () =>
      [...this.#world.interfaces.values()]
        .filter(({ kind }) => kind === 'tap')
        .map(({ name, bridge }): TapFacts => (bridge === undefined ? { name } : { name, bridge }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    return this.#world.look('nic list', taps, signal)
  }
}

function checkNames(nic: NicSpec): void {
  if ([nic.bridge, nic.tap].every(name => INTERFACE_NAME.test(name))) return
  throw new HoldfastError('invalid-input', 'invalid-name', `port ${nic.portId} has no name for a network interface`)
}
