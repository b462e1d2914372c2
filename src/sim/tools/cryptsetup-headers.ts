import type { CommandResult } from '#src/host/host.ts'
import { blockAt } from '../sysfs-blocks.ts'
import { isKernelUse } from '../sysfs-processes.ts'
import { hashOf, type SimFile, type SimLuks, type World } from '../world.ts'
import { done, fails } from './run.ts'

/** A call of cryptsetup, taken apart. */
export interface Invocation {
  readonly verb: string
  readonly targets: readonly string[]
  readonly options: ReadonlyMap<string, string>
  readonly input: Uint8Array
  readonly signal: AbortSignal | undefined
}

const SECTOR = 512
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A header that can be read, or the tool's end without one. */
export type Loaded = { readonly file: SimFile; readonly luks: SimLuks } | { readonly end: CommandResult }

export function load(world: World, path: string): Loaded {
  const file = storageAt(world, path)
  if (!file) return { end: fails(4, `Device ${path} does not exist or access denied.`) }
  const { luks } = file
  if (luks && !luks.damaged) return { file, luks }
  return { end: fails(1, `Device ${path} is not a valid LUKS device.`) }
}

/** A loop device without a file is there, and empty. */
function storageAt(world: World, path: string): SimFile | undefined {
  const device = blockAt(world, path)
  if (!device) return world.files.get(path)
  return device.mapping ? { ...EMPTY, sizeBytes: device.sizeBytes } : (device.loop?.file ?? device.file ?? EMPTY)
}

/** What is read through a mapping has no header, nor has what is not there. */
const EMPTY: SimFile = { kind: 'block', sizeBytes: 0, inode: '0:0', mode: 0o600, content: '' }

/** Somebody has it for himself alone, as the kernel keeps it: a mapping over it, a mount, swap. Who merely has it open does not count. */
export const isClaimed = (world: World, path: string): boolean =>
  [...world.mappings.values()].some(({ over, bare }) => over === path && bare !== 'created') ||
  [...(world.users.get(path) ?? [])].some(isKernelUse)

export const noKeyFits = fails(2, 'No key available with this passphrase.')

export const isLuks = async (world: World, { targets: [path = ''], signal }: Invocation): Promise<CommandResult> =>
  await world.look(
    `cryptsetup isLuks ${path}`,
    () => {
      const loaded = load(world, path)
      if (!('end' in loaded)) return done
      return loaded.end.exitCode === 4 ? loaded.end : { ...done, exitCode: 1 }
    },
    signal,
  )

/** It writes the header before the key slot: who dies in between leaves a damaged one. */
export async function format(world: World, call: Invocation): Promise<CommandResult> {
  const { targets, signal } = call
  const [path = ''] = targets
  const begin = () => beginFormat(world, path, call)
  const begun = await world.effect(`cryptsetup luksFormat ${path}`, begin, signal)
  if ('end' in begun) return begun.end
  const finish = () => {
    begun.luks.damaged = false
    return done
  }
  return await world.effect(`cryptsetup luksFormat ${path}: key slot`, finish, signal)
}

function beginFormat(world: World, path: string, { options, input }: Invocation): Loaded {
  const file = storageAt(world, path)
  if (!file) return { end: fails(4, `Device ${path} does not exist or access denied.`) }
  if (isClaimed(world, path)) return { end: fails(1, `Cannot exclusively open ${path}, device in use.`) }
  const uuid = options.get('--uuid') ?? world.random.uuid()
  if (!UUID.test(uuid)) return { end: fails(1, 'Wrong LUKS UUID format provided.') }
  const luks: SimLuks = {
    version: options.get('--type') === 'luks1' ? 1 : 2,
    uuid,
    passphraseHash: hashOf(input),
    payloadOffsetBytes: Number(options.get('--offset')) * SECTOR,
    cipher: options.get('--cipher'),
    keySizeBits: Number(options.get('--key-size')),
    damaged: true,
  }
  file.luks = luks
  return { file, luks }
}

/** Gives the header another UUID. */
export const setUuid = async (world: World, { targets: [path = ''], options, signal }: Invocation) =>
  await world.effect(
    `cryptsetup luksUUID ${path}`,
    () => {
      const loaded = load(world, path)
      if ('end' in loaded) return loaded.end
      const uuid = options.get('--uuid') ?? ''
      if (!UUID.test(uuid)) return fails(1, 'Wrong LUKS UUID format provided.')
      loaded.luks.uuid = uuid
      return done
    },
    signal,
  )

/** The old passphrase and the new one come one after the other; a length tells where the second begins. */
export const changeKey = async (world: World, { targets: [path = ''], options, input, signal }: Invocation) =>
  await world.effect(
    `cryptsetup luksChangeKey ${path}`,
    () => {
      const loaded = load(world, path)
      if ('end' in loaded) return loaded.end
      const length = Number(options.get('--keyfile-size'))
      if (hashOf(input.subarray(0, length)) !== loaded.luks.passphraseHash) return noKeyFits
      loaded.luks.passphraseHash = hashOf(input.subarray(length))
      return done
    },
    signal,
  )

/** LUKS1 becomes LUKS2; the data stay where they are. */
export const convert = async (world: World, { targets: [path = ''], options, signal }: Invocation) =>
  await world.effect(
    `cryptsetup convert ${path}`,
    () => {
      const loaded = load(world, path)
      if ('end' in loaded) return loaded.end
      if (options.get('--type') !== 'luks2' || loaded.luks.version !== 1) {
        return fails(1, 'Device is already of the requested type.')
      }
      if (isClaimed(world, path)) return fails(5, `Cannot convert device ${path} which is still in use.`)
      loaded.file.luks = { ...loaded.luks, version: 2 }
      return done
    },
    signal,
  )
