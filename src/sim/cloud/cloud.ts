import type { World } from '../world.ts'
import { settleOrders } from './barbican/orders.ts'
import { SimBarbican } from './barbican/server.ts'
import { SimCinder } from './cinder/server.ts'
import { settle } from './cinder/settle.ts'
import type { CloudService } from './exchange.ts'
import { SimKeystone } from './keystone.ts'
import { IDENTITY, KEY_MANAGER, VOLUME } from './places.ts'
import { type CloudSettings, type CloudState, cloudState } from './state.ts'
import { SimHttpTransport } from './transport.ts'

/**
 * A simulated OpenStack that a simulated world can reach: Keystone, Cinder, Barbican, and the Ceph cluster that volumes lie in.
 * Its databases outlive process and host. Users, projects and volume types are those of the lab's cloud.
 */
export class SimCloud {
  readonly #world: World
  readonly state: CloudState

  constructor(world: World, settings: Partial<CloudSettings> = {}) {
    this.#world = world
    this.state = cloudState(world)
    this.state.settings = { ...this.state.settings, ...settings }
  }

  /** For one process. */
  transport(): SimHttpTransport {
    const { state } = this
    return new SimHttpTransport(
      this.#world,
      new Map<string, CloudService>([
        [IDENTITY, new SimKeystone(this.#world, state)],
        [VOLUME, new SimCinder(this.#world, state)],
        [KEY_MANAGER, new SimBarbican(this.#world, state)],
      ]),
    )
  }

  /** Everything that is due by now is done. */
  settle(): void {
    settle(this.#world, this.state)
    settleOrders(this.#world, this.state)
  }

  userId(name: string): string {
    const user = [...this.state.users.values()].find(each => each.name === name)
    if (user) return user.id
    throw new Error(`there is no user '${name}'`)
  }

  projectId(name: string): string {
    const project = [...this.state.projects.values()].find(each => each.name === name)
    if (project) return project.id
    throw new Error(`there is no project '${name}'`)
  }
}
