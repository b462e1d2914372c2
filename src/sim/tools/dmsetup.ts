import type { CommandResult } from '#src/host/host.ts'
import { numberBelow, removeMapping } from '../sysfs-blocks.ts'
import type { SimMapping, World } from '../world.ts'
import { done, fails, type SimTool, says } from './run.ts'

const SECTOR = 512

/** `dmsetup`, as far as it is called: the tables of all mappings or of one, what state one is in, and what the kernel can do. */
export const simDmsetup =
  (world: World): SimTool =>
  async ({ args }, signal) => {
    const [verb = '', name] = args
    if (verb === '--version') return says('Library version:   1.02.185 (2022-05-18)\nDriver version:    4.47.0\n')
    if (verb === 'targets') return says('crypt            v1.24.0\nlinear           v1.4.0\n')
    const last = args.at(-1) ?? ''
    if (verb === 'info') return await world.look(`dmsetup info ${last}`, () => info(world, args, last), signal)
    if (verb === 'remove') return await world.effect(`dmsetup remove ${last}`, () => remove(world, last), signal)
    if (verb !== 'table') return fails(1, 'Unknown command.')
    return await world.look(`dmsetup table${name === undefined ? '' : ` ${name}`}`, () => table(world, name), signal)
  }

function table(world: World, name: string | undefined): CommandResult {
  if (name === undefined) {
    const lines = [...world.mappings.values()].map(mapping => `${mapping.name}: ${lineOf(world, mapping)}\n`)
    return says(lines.length > 0 ? lines.join('') : 'No devices found\n')
  }
  const mapping = world.mappings.get(name)
  if (!mapping) return fails(1, `Device ${name} not found\nCommand failed.`)
  return says(`${lineOf(world, mapping)}\n`)
}

/** Its UUID, and whether it has a table in use (`L`) or one that waits (`I`). */
function info(world: World, args: readonly string[], name: string): CommandResult {
  const mapping = world.mappings.get(name)
  if (!mapping) return fails(1, 'Device does not exist.\nCommand failed.')
  if (!args.includes('uuid,attr')) return fails(1, 'Unknown field.')
  const state = { created: '---w', loaded: '-I-w', live: 'L--w' }[mapping.bare ?? 'live']
  return says(`${mapping.dmUuid},${state}\n`)
}

function remove(world: World, name: string): CommandResult {
  const mapping = world.mappings.get(name)
  const why = (words: string) => fails(1, `device-mapper: remove ioctl on ${name}  failed: ${words}\nCommand failed.`)
  if (!mapping) return why('No such device or address')
  if (world.holders(`/dev/mapper/${name}`).length > 0) return why('Device or resource busy')
  removeMapping(world, mapping)
  return done
}

/** Without keys: those of LUKS1 as zeros, those of LUKS2 by their names in the kernel's keyring. */
function lineOf(world: World, mapping: SimMapping): string {
  if (mapping.bare) return ''
  const sectors = Math.floor(mapping.sizeBytes / SECTOR)
  const number = numberBelow(world, mapping)
  if (mapping.target === 'linear') return `0 ${sectors} linear ${number} 0`
  const luks = world.below(mapping.over)?.luks
  const cipher = mapping.cipher ?? luks?.cipher ?? 'aes-xts-plain64'
  const offset = Math.floor((mapping.offsetBytes ?? luks?.payloadOffsetBytes ?? 0) / SECTOR)
  const key = mapping.dmUuid.startsWith('CRYPT-LUKS2') ? ':64:logon:cryptsetup:sim-d0' : '0'.repeat(128)
  return `0 ${sectors} crypt ${cipher} ${key} 0 ${number} ${offset}`
}
