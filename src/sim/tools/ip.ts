import type { CommandResult } from '#src/host/host.ts'
import type { World } from '../world.ts'
import { done, fails, type SimTool, says } from './run.ts'

/** `ip` of iproute2, as far as it is called: delete a network interface. */
export const simIp =
  (world: World): SimTool =>
  async ({ args }, signal) => {
    const [object, verb, word, name = ''] = args
    if (object === '-V') return says('ip utility, iproute2-6.1.0, libbpf 1.1.0\n')
    if (object !== 'link' || verb !== 'delete' || word !== 'dev')
      return fails(255, `Command "${verb}" is unknown, try "ip link help".`)
    return await world.effect(`ip link delete ${name}`, () => remove(world, name), signal)
  }

const remove = (world: World, name: string): CommandResult =>
  world.interfaces.delete(name) ? done : fails(1, `Cannot find device "${name}"`)
