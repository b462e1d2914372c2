import type { Tool } from '#src/host/host.ts'
import type { World } from '../world.ts'
import { simCryptsetup } from './cryptsetup.ts'
import { simDmsetup } from './dmsetup.ts'
import { simIp } from './ip.ts'
import { simLosetup } from './losetup.ts'
import type { SimTool } from './run.ts'

/** All programs of a simulated host that connecting, decrypting and plugging call. */
export const simTools = (world: World): Partial<Record<Tool, SimTool>> => ({
  cryptsetup: simCryptsetup(world),
  dmsetup: simDmsetup(world),
  ip: simIp(world),
  losetup: simLosetup(world),
})
